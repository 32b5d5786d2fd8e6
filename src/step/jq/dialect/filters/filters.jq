def toboolean:
  if . == true or . == false then .
  elif . == "true" then true
  elif . == "false" then false
  else error("cannot parse \(tojson) as a boolean") end;

def nth($n; f): if $n < 0 then error("nth takes no negative index, and \($n) is one") else first(skip($n; f)) end;

def __assign(f; $new): reduce path(f) as $path (.; setpath($path; $new));
def del(f): delpaths([path(f)]);
def pick(f): . as $top | reduce path(f) as $path (null; setpath($path; $top | getpath($path)));
def toarray: if type == "array" then . else [.] end;
def reverse: if type == "string" then explode | __reverse | implode elif . == null then [] else __reverse end;
def flatten($depth):
  if $depth < 0 then error("flatten takes no negative depth, and \($depth) is one")
  else [.[] | if type == "array" and $depth > 0 then flatten($depth - 1)[] else . end] end;
def flatten: flatten(1000000000);
def from_entries:
  reduce .[] as $entry ({};
    . + { ($entry
           | if .key == null then .k // .name // .Name // .K // .Key else .key end
           | if type == "string" then . else tojson end):
          ($entry | if has("value") then .value elif has("v") then .v else .Value end) });

def with_entries(f): to_entries | map(f) | from_entries;

def IN(source): any(source == .; .);
def IN(source; among): any(source == among; .);
def INDEX(source; key): reduce source as $row ({}; .[$row | key | tostring] |= $row);
def INDEX(key): INDEX(.[]; key);
def ascii: [.] | implode;
def gamma: lgamma;
def todate: if type == "array" then mktime | todateiso8601 else todateiso8601 end;
def date: todate;
def leaf_paths: paths(scalars);
def tostream: path(def walked: (.[]? | walked), .; walked) as $path
  | getpath($path) | reduce path(.[]?) as $last ([$path, .]; [$path + $last]);

def @text: tostring;
def @json: tojson;
def @csv:
  [.[] | if type == "number" or type == "boolean" then tojson
         elif type == "string" then "\"" + (split("\"") | join("\"\"")) + "\""
         elif . == null then ""
         else error("\(tojson) is no field of CSV") end] | join(",");
def @tsv:
  [.[] | if type == "number" or type == "boolean" then tojson
         elif type == "string" then
           split("\\") | join("\\\\") | split("\t") | join("\\t") | split("\n") | join("\\n") | split("\r") | join("\\r")
         elif . == null then ""
         else error("\(tojson) is no field of TSV") end] | join("\t");
