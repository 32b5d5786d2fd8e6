def range($from; $to; $by):
  if $by == 0 then "range from \($from) to \($to) by 0 never ends" | error_empty
  else __range($from; $to; $by) end;
def limit($n; f):
  if $n < 0 then "limit takes no negative count, and \($n) is one" | error_empty
  else __limit($n; f) end;
