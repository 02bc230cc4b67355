#!/usr/bin/env python3
"""Every method has its line, its file and its tests.

plugins/CMakeLists.txt has one add_symphony_plugin(category name) a method, sorted by category (in the
runner's order) and name; plugins/<category>/<name>.cpp exists and declares that
name; tests/plugins/<category>/test_<name>.cpp has at least four test cases tagged [plugin][<category>.<name>], among them one each of
[known-value], [invariant], [wrong-input] and [contract]. The checker first runs on small trees that must fail.
"""
import re
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CATEGORIES = ["alignment", "fusion", "experts", "router", "router_init", "edit", "eval"]
KINDS = ["[known-value]", "[invariant]", "[wrong-input]", "[contract]"]

LINE = re.compile(r"^add_symphony_plugin\((\w+) (\w+)\)$", re.MULTILINE)
CASE = re.compile(r'\bTEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+),\s*"([^"]*)"')


def check_tests(root, category, name):
    """What the test file of one method lacks."""
    path = root / "tests/plugins" / category / f"test_{name}.cpp"
    shown = path.relative_to(root)
    if not path.is_file():
        return [f"{shown}: missing; every method has its tests"]
    own = [tags for _, tags in CASE.findall(path.read_text()) if "[plugin]" in tags and f"[{category}.{name}]" in tags]
    found = [f"{shown}: no test case tagged [plugin][{category}.{name}]{kind}" for kind in KINDS if not any(kind in tags for tags in own)]
    if not found and len(own) < len(KINDS):
        found.append(f"{shown}: {len(own)} test cases, expected at least {len(KINDS)}")
    return found


def place_of(method):
    """Sorts methods as the runner lists them; unknown categories last."""
    category, name = method
    return (CATEGORIES.index(category) if category in CATEGORIES else len(CATEGORIES), category, name)


def check_tree(root):
    text = (root / "plugins/CMakeLists.txt").read_text()
    methods = LINE.findall(text)
    found = []
    num_calls = sum(line.startswith("add_symphony_plugin") for line in text.splitlines())
    if num_calls != len(methods):
        found.append("plugins/CMakeLists.txt: a line that is not add_symphony_plugin(category name)")
    if len(set(methods)) != len(methods):
        found.append("plugins/CMakeLists.txt: a method is listed twice")
    in_order = sorted(methods, key=place_of)
    if methods != in_order:
        wrong = next(listed for listed, wanted in zip(methods, in_order) if listed != wanted)
        found.append(f"plugins/CMakeLists.txt: '{' '.join(wrong)}' is out of order; lines are sorted by category ({', '.join(CATEGORIES)}), then name")
    for category, name in methods:
        source = root / "plugins" / category / f"{name}.cpp"
        if category not in CATEGORIES:
            found.append(f"plugins/CMakeLists.txt: '{category}' is no category")
        elif not source.is_file():
            found.append(f"plugins/{category}/{name}.cpp: missing, plugins/CMakeLists.txt names it")
        elif f'"{name}"' not in source.read_text().partition("SYMPHONY_PLUGIN(")[2]:
            found.append(f'plugins/{category}/{name}.cpp: no SYMPHONY_PLUGIN(...) that declares "{name}"')
        else:
            found += check_tests(root, category, name)
    for source in sorted((root / "plugins").glob("*/*.cpp")):
        if (source.parent.name, source.stem) not in methods:
            found.append(f"{source.relative_to(root)}: no line add_symphony_plugin({source.parent.name} {source.stem}) in plugins/CMakeLists.txt")
    return found


GOOD_TESTS = "".join(f'TEST_CASE("x: claim {index}",\n          "[plugin][fusion.x]{kind}") {{}}\n' for index, kind in enumerate(KINDS))


def small_tree(root, lines="add_symphony_plugin(fusion x)\n", source='SYMPHONY_PLUGIN(F, X, P, "x", 1, "s", "s");', tests=GOOD_TESTS, extra=None):
    files = {"plugins/CMakeLists.txt": lines, "plugins/fusion/x.cpp": source, "tests/plugins/fusion/test_x.cpp": tests}
    files.update(extra or {})
    for path, text in files.items():
        if text is None:
            continue
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)


# (changes to the good tree, part of the only complaint; None where there must be none)
CASES = [
    ({}, None),
    ({"tests": None}, "test_x.cpp: missing"),
    ({"tests": GOOD_TESTS.replace("[contract]", "")}, "[plugin][fusion.x][contract]"),
    ({"tests": GOOD_TESTS.replace("[known-value]", "[known]")}, "[plugin][fusion.x][known-value]"),
    ({"tests": 'TEST_CASE("x: all in one", "[plugin][fusion.x]' + "".join(KINDS) + '") {}'}, "1 test cases"),
    ({"source": None}, "x.cpp: missing"),
    ({"source": 'SYMPHONY_PLUGIN(F, X, P, "y", 1, "s", "s");'}, 'declares "x"'),
    ({"lines": "add_symphony_plugin(fusion  x)\n"}, "a line that is not"),
    ({"extra": {"plugins/fusion/y.cpp": "// y"}}, "no line add_symphony_plugin(fusion y)"),
    ({"lines": "add_symphony_plugin(fusion x)\nadd_symphony_plugin(fusion x)\n"}, "listed twice"),
    ({"lines": "add_symphony_plugin(edit a)\nadd_symphony_plugin(fusion x)\n"}, "'edit a' is out of order"),
    ({"lines": "add_symphony_plugin(fusion y)\nadd_symphony_plugin(fusion x)\n"}, "'fusion y' is out of order"),
    ({"lines": "add_symphony_plugin(fusion x)\nadd_symphony_plugin(fuson x)\n"}, "'fuson' is no category"),
]


def self_test():
    failures = []
    for changes, expected in CASES:
        with tempfile.TemporaryDirectory() as folder:
            small_tree(Path(folder), **changes)
            found = check_tree(Path(folder))
        good = not found if expected is None else any(expected in complaint for complaint in found)
        if not good:
            failures.append(f"self-test: {changes} gave {found}, expected {expected!r}")
    return failures


def main():
    found = self_test() or check_tree(ROOT)
    print("\n".join(found) if found else f"plugins: every method has its line, file and tests ({len(CASES)} self-test cases)")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
