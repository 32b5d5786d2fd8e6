"""Draws formulas and writes what other programs compute for them, for batch/tests/formula_oracle.rs.

Needs LibreOffice (`soffice`) and the package `formulas` (1.3.4). Run it only to draw other formulas:

    python3 tests/interop/formula_oracle.py crates/sheets-emulator/src/batch/tests/formula_oracle.tsv
"""

import csv
import datetime
import pathlib
import random
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET

import formulas

rng = random.Random(14)
# The table A1:E24: job, state, number, serial date, blank or text.
jobs = ["orders", "Invoices", "stock", "ORDERS", "", "a*b"]
states = ["succeeded", "failed", "skipped: late", ""]
rows = []
for _ in range(24):
    rows.append([rng.choice(jobs), rng.choice(states), rng.choice([rng.randint(-20, 50), round(rng.uniform(0, 9), 2), ""]),
                 rng.choice([46300 + rng.randint(0, 90), 46300 + rng.randint(0, 90) + rng.randint(0, 86399) / 86400, ""]),
                 rng.choice(["", "x", "3", 7])])
# LibreOffice leaves blank cells behind the last value of a column out of counts.
rows[-1] = ["stock", "failed", 3, 46333, "x"]


def rng_of(col):
    return f"{col}1:{col}24"


crits = ['"orders"', '"ORDERS"', '"o*"', '"?????"', '"*"', '"<>orders"', '"a~*b"', '""', '"="', '"<>"', '">m"', '"stock"', '"*ed"', '"failed"', '"zz"']
ncrits = ['">0"', '"<=10"', '"<>5"', '"=3"', '3', '">=46340"', '"<46330.5"', '0', '"<>"']
dcrits = ['">=2026-11-01"', '"<2026-12-15"', '">"&DATE(2026;11;20)', '"<=46355.5"', '">46300"']
out = []


def pick():
    col = rng.choice("ABCD")
    return rng_of(col), rng.choice(crits if col in "AB" else dcrits if col == "D" else ncrits)


for name in ["MAXIFS", "MINIFS", "SUMIFS", "AVERAGEIFS"]:
    for _ in range(45):
        n = rng.randint(1, 3)
        args = ";".join(f"{r};{c}" for r, c in (pick() for _ in range(n)))
        out.append(f"={name}({rng_of(rng.choice('CD'))};{args})")
for _ in range(60):
    n = rng.randint(1, 3)
    out.append("=COUNTIFS(" + ";".join(f"{r};{c}" for r, c in (pick() for _ in range(n))) + ")")
for _ in range(20):
    r, c = pick(); out.append(f"=COUNTIF({r};{c})"); out.append(f"=AVERAGEIF({r};{c};{rng_of('C')})")
for _ in range(60):
    d = rng.randint(1, 80000)
    out.append(f"=WEEKDAY({d};{rng.choice([1,2,3])})")
    # The last days of a year are in its last week or in the first of the next, by the program.
    if (datetime.date(1899, 12, 30) + datetime.timedelta(days=d)).timetuple().tm_yday <= 358:
        out.append(f"=WEEKNUM({d};{rng.choice([1, 2, 21])})")
    out.append(f"=ISOWEEKNUM({d})")
    out.append(f"=EDATE({d};{rng.randint(-40,60)})" if d > 1300 else f"=EDATE({d};{rng.randint(0,60)})")
    out.append(f"=EOMONTH({d+1300};{rng.randint(-40,60)})")
    out.append(f"=YEAR({d})*10000+MONTH({d})*100+DAY({d})")
for _ in range(120):
    s = rng.randint(0, 86399); d = rng.randint(1, 60000)
    f = repr(d + s / 86400)
    out.append(f"=HOUR({f})*10000+MINUTE({f})*100+SECOND({f})")
    out.append(f"=HOUR({d}+{s}/86400)*10000+MINUTE({d}+{s}/86400)*100+SECOND({d}+{s}/86400)")
for _ in range(40):
    out.append(f"=TIME({rng.randint(0,30)};{rng.randint(0,90)};{rng.randint(0,200)})")
    out.append(f"=DATE({rng.randint(1905,2100)};{rng.randint(-14,30)};{rng.randint(-40,70)})")
    out.append(f"=DAYS({rng.randint(1,60000)};{rng.randint(1,60000)})")
for sep in ['","', '""', '"/"']:
    for ignore in ["TRUE()", "FALSE()"]:
        for a, b in [("A", "A"), ("A", "B"), ("C", "C"), ("E", "E"), ("B", "C")]:
            out.append(f"=TEXTJOIN({sep};{ignore};{a}1:{b}{rng.randint(2,12)})")
            out.append(f"=TEXTJOIN({sep};{ignore};\"s\";{a}3:{b}{rng.randint(4,9)};{rng.randint(1,9)})")
for _ in range(30):
    a, b = sorted(rng.sample(range(1, 25), 2))
    out.append(f"=MEDIAN(C{a}:C{b};1)")
    out.append(f"=SMALL(C1:C24;{rng.randint(1,12)})")
    out.append(f"=LARGE(C1:C24;{rng.randint(1,12)})")
    out.append(f"=PERCENTILE(C1:C24;{rng.randint(0,100)/100})")
    out.append(f"=SUMPRODUCT(C{a}:C{b};D{a}:D{b})")
    out.append(f"=ROWS(A{a}:C{b})*100+COLUMNS(A{a}:C{b})")
    out.append(f"=MATCH({rng.randint(-20,50)};C1:C24;0)")
    out.append(f"=VLOOKUP({rng.choice(crits[:3])};A1:C24;{rng.randint(1,3)};FALSE())")
    out.append(f"=LOOKUP({rng.randint(1,60)};{{10;20;30;40}};{{\"a\";\"b\";\"c\";\"d\"}})")
    out.append(f"=SWITCH({rng.randint(1,4)};1;\"one\";2;\"two\";\"other\")")
    out.append(f"=IFS({rng.randint(1,4)}>3;\"a\";{rng.randint(1,4)}>2;\"b\";TRUE();\"c\")")
    out.append(f"=TRUNC({rng.uniform(-99,99):.4f};{rng.randint(0,3)})")
    out.append(f"=PROPER(A{a})&REPT(B{b};2)")
    out.append(f"=CHOOSE({rng.randint(1,3)};\"x\";A{a};C{b})&\"\"")
out = list(dict.fromkeys(out))
work = pathlib.Path(tempfile.mkdtemp())
ns = {"o": "urn:oasis:names:tc:opendocument:xmlns:office:1.0", "t": "urn:oasis:names:tc:opendocument:xmlns:table:1.0", "x": "urn:oasis:names:tc:opendocument:xmlns:text:1.0"}
with open(work / "in.csv", "w", newline="") as f:
    w = csv.writer(f, quoting=csv.QUOTE_ALL)
    for i in range(max(24, len(out))):
        base = rows[i] if i < 24 else [""] * 5
        cells = []
        for v in base:
            # Texts that look like numbers stay texts.
            cells.append(f'="{v}"' if isinstance(v, str) and v.isdigit() else v)
        w.writerow(cells + [out[i] if i < len(out) else ""])
subprocess.run(["soffice", "--headless", "--convert-to", "fods", "--infilter=CSV:44,34,76,1,,1033,false,true,false,false,false,-1,true", "--outdir", str(work), str(work / "in.csv")], check=True, capture_output=True)
tree = ET.parse(work / "in.fods")
table = tree.find(".//t:table", ns)
O = "{%s}" % ns["o"]; T = "{%s}" % ns["t"]
grid = []
for row in table.iter(T + "table-row"):
    cells = []
    for cell in row:
        if cell.tag not in (T + "table-cell", T + "covered-table-cell"): continue
        n = int(cell.get(T + "number-columns-repeated", "1"))
        cells.extend([cell] * min(n, 10))
    for _ in range(min(int(row.get(T + "number-rows-repeated", "1")), 3)):
        grid.append(cells)
lines = []
for i, formula in enumerate(out):
    cell = grid[i][5]
    kind = cell.get(O + "value-type")
    text = "".join("".join(p.itertext()) for p in cell.findall("x:p", ns))
    if text.startswith(("#", "Err:")):
        value = {"#N/A": "#N/A", "#DIV/0!": "#DIV/0!", "#VALUE!": "#VALUE!", "#NUM!": "#NUM!", "Err:502": "#NUM!"}.get(text, "?" + text)
    elif kind in ("float", "percentage", "currency"): value = cell.get(O + "value")
    elif kind == "date" or kind == "time" or kind == "boolean":
        value = "?" + kind + " " + text
    else: value = '"' + text
    lines.append((formula, value))
# XLOOKUP and XMATCH, which LibreOffice 7.4 does not have, by the package "formulas" (PyPI).
parse = formulas.Parser().ast


def constant(v):
    return f'"{v}"' if isinstance(v, str) else repr(v)


for _ in range(300):
    texts = rng.random() < 0.4
    pool = ["a", "b", "B", "ab", "abc", "c"] if texts else list(range(10))
    keys = [rng.choice(pool) for _ in range(rng.randint(1, 7))]
    wanted = rng.choice(pool + ["zz"] if texts else pool + [5.5, -1, 99])
    mode, search = rng.choice([0, 1, -1]), rng.choice([1, -1])
    column = "{" + ";".join(map(constant, keys)) + "}"
    results = "{" + ";".join(str(i) for i in range(len(keys))) + "}"
    formula = f"=XLOOKUP({constant(wanted)},{column},{results},\"none\",{mode},{search})"
    if rng.random() < 0.3: formula = f"=XMATCH({constant(wanted)},{column},{mode},{search})"
    got = parse(formula)[1].compile()()
    got = got.tolist()[0][0] if hasattr(got, "tolist") and getattr(got, "ndim", 0) == 2 else got
    got = getattr(got, "item", lambda: got)() if not isinstance(got, str) else got
    lines.append((formula, str(got) if not isinstance(got, str) or str(got).startswith("#") else '"' + got))
with open(sys.argv[1], "w") as f:
    f.write("# Results of LibreOffice 7.4, and of formulas 1.3.4 for XLOOKUP and XMATCH. The first lines are the cells A1:E24; then formulas, each with its result.\n")
    for row in rows: f.write("cells\t" + "\t".join(str(v) if not isinstance(v, str) else ("'" + v if v else "") for v in row) + "\n")
    for formula, value in lines: f.write(f"{formula}\t{value}\n")
print(len(lines), [l for l in lines if l[1].startswith("?")][:20])
