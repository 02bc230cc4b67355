#!/usr/bin/env python3
"""What a file looks like: ASCII, at most 600 lines, a comment first, #pragma once in headers, no tab, no open notes to oneself.

The checker first runs on texts that must fail.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ["core", "plugins", "experiments", "tests", "analysis"]
SUFFIXES = {".hpp", ".cpp", ".py", ".sh", ".cmake", ".yaml"}
MAX_LINES = 600
NOTES = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b")


def starts_with_comment(suffix, text):
    if suffix in (".hpp", ".cpp"):
        return text.startswith("//")
    if suffix == ".py":
        return text.startswith(('"""', "#"))
    return text.startswith("#")


def check_text(path, raw):
    """All violations of one file; `raw` is its bytes."""
    suffix = ".cmake" if path.endswith("CMakeLists.txt") else Path(path).suffix
    text = raw.decode("utf-8", errors="replace")
    lines = text.splitlines()
    found = []
    for number, line in enumerate(lines, 1):
        if not line.isascii():
            found.append(f"{path}:{number}: not ASCII")
        if "\t" in line:
            found.append(f"{path}:{number}: a tab")
        if NOTES.search(line):
            found.append(f"{path}:{number}: an open note; write an issue")
    if len(lines) > MAX_LINES:
        found.append(f"{path}: {len(lines)} lines, the ceiling is {MAX_LINES}")
    if suffix == ".hpp" and not re.search(r"^#pragma once$", text, re.MULTILINE):
        found.append(f"{path}: no #pragma once")
    if text and not starts_with_comment(suffix, text):
        found.append(f"{path}: does not start with a comment that says what it is")
    if text and not text.endswith("\n"):
        found.append(f"{path}: does not end with a newline")
    return found


def check_tree(root):
    found = []
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            wanted = path.suffix in SUFFIXES or path.name == "CMakeLists.txt"
            if path.is_file() and wanted and "__pycache__" not in path.parts:
                found += check_text(path.relative_to(root).as_posix(), path.read_bytes())
    return found


# (path, text, part of the only complaint; None where there must be none)
CASES = [
    ("core/base/a.hpp", "// A.\n#pragma once\n", None),
    ("core/base/a.hpp", "// A.\n", "no #pragma once"),
    ("core/base/a.cpp", "#include <vector>\n", "does not start with a comment"),
    ("core/base/a.cpp", "// caf\u00e9\n", "a.cpp:1: not ASCII"),
    ("core/base/a.cpp", "// A.\n\tint x;\n", "a.cpp:2: a tab"),
    ("core/base/a.cpp", "// A.\n// TO" + "DO: later\n", "a.cpp:2: an open note"),
    ("core/base/a.cpp", "// A.\n" * 601, "601 lines"),
    ("core/base/a.cpp", "// A.\n" * 600, None),
    ("core/base/a.cpp", "// A.", "newline"),
    ("tests/a.py", '"""A."""\n', None),
    ("tests/a.py", "import sys\n", "does not start with a comment"),
    ("tests/CMakeLists.txt", "project(x)\n", "does not start with a comment"),
    ("experiments/a.yaml", "name: x\n", "does not start with a comment"),
]


def self_test():
    failures = []
    for path, text, expected in CASES:
        found = check_text(path, text.encode())
        good = not found if expected is None else len(found) == 1 and expected in found[0]
        if not good:
            failures.append(f"self-test: {path} gave {found}, expected {expected!r}")
    return failures


def main():
    found = self_test() or check_tree(ROOT)
    print("\n".join(found) if found else f"style: nothing to complain about ({len(CASES)} self-test cases)")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
