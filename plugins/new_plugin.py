#!/usr/bin/env python3
"""Starts a new method: a plugin that compiles, with the four tests that every method has.

    plugins/new_plugin.py fusion mine                    in this tree: source, test, and a line in plugins/CMakeLists.txt
    plugins/new_plugin.py fusion mine --directory DIR    a project of its own, built against the installed package

What is generated works and its tests pass; replace behaviour, parameters, summary, source and tests by the method's own. A name that
exists is refused, nothing is overwritten.
"""
import argparse
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CATEGORIES = ["alignment", "fusion", "experts", "router", "router_init", "edit", "eval"]

PROJECT = """# Methods for Symphony Lab, built against the installed package: cmake -B build -DCMAKE_PREFIX_PATH=<prefix> && cmake --build build
# Then: runner list --plugins build/plugins
cmake_minimum_required(VERSION 3.25)
project(symphony_methods LANGUAGES CXX)
find_package(Symphony REQUIRED)
find_package(Catch2 2.13)
enable_testing()

"""


class Refusal(Exception):
    """A request that cannot be carried out; nothing was written."""


def fill(template, name, with_main):
    """The text of one template for the method `name`."""
    text = (HERE / "templates" / template).read_text()
    class_name = "".join(part.capitalize() for part in name.split("_"))
    main = "#define CATCH_CONFIG_MAIN\n" if with_main else ""
    return text.replace("@MAIN@", main).replace("@NAME@", name).replace("@CLASS@", class_name)


def check_name(category, name):
    if category not in CATEGORIES:
        raise Refusal(f"category: got '{category}', expected one of: {', '.join(CATEGORIES)}")
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise Refusal(f"name: got '{name}', expected lower-case letters, digits and underscores, a letter first")


def place_of(line):
    """Sorts add_symphony_plugin lines by category in the runner's order, then name."""
    category, name = re.fullmatch(r"add_symphony_plugin\((\w+) (\w+)\)", line).groups()
    return CATEGORIES.index(category), name


def sorted_lines(text, line):
    """`text` of a CMakeLists.txt with `line` among its add_symphony_plugin lines."""
    lines = text.splitlines()
    places = [index for index, other in enumerate(lines) if re.fullmatch(r"add_symphony_plugin\(\w+ \w+\)", other)]
    after = [index for index in places if place_of(lines[index]) > place_of(line)]
    place = after[0] if after else (places[-1] + 1 if places else len(lines))
    lines.insert(place, line)
    return "\n".join(lines) + "\n"


def write_all(files):
    """Writes every file of {path: text}, or none when one of them exists."""
    for path in files:
        if path.exists():
            raise Refusal(f"{path} exists; nothing was written")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(f"wrote {path}")


def add_to_tree(root, category, name):
    """In this tree: beside the other methods of the category."""
    listing = root / "plugins/CMakeLists.txt"
    line = f"add_symphony_plugin({category} {name})"
    if line in listing.read_text().splitlines():
        raise Refusal(f"{listing} has the line {line}; nothing was written")
    write_all({
        root / "plugins" / category / f"{name}.cpp": fill(f"{category}.cpp.in", name, False),
        root / "tests/plugins" / category / f"test_{name}.cpp": fill(f"test_{category}.cpp.in", name, False),
    })
    listing.write_text(sorted_lines(listing.read_text(), line))
    print(f"added {line} to {listing}")


def add_to_project(folder, category, name):
    """In a folder of the user's own: with a CMakeLists.txt that finds the installed package."""
    listing = folder / "CMakeLists.txt"
    line = f"add_symphony_plugin({category} {name})"
    if listing.exists() and line in listing.read_text().splitlines():
        raise Refusal(f"{listing} has the line {line}; nothing was written")
    write_all({
        folder / category / f"{name}.cpp": fill(f"{category}.cpp.in", name, False),
        folder / "tests" / category / f"test_{name}.cpp": fill(f"test_{category}.cpp.in", name, True),
    })
    text = sorted_lines(listing.read_text() if listing.exists() else PROJECT, line)
    listing.write_text(text + f"if(Catch2_FOUND)\n  add_symphony_plugin_test({category} {name})\nendif()\n")
    print(f"added {line} to {listing}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("category", help=", ".join(CATEGORIES))
    parser.add_argument("name", help="lower_snake; file, library and id are called that")
    parser.add_argument("--directory", type=Path, help="a folder outside this tree")
    arguments = parser.parse_args()
    try:
        check_name(arguments.category, arguments.name)
        if arguments.directory:
            add_to_project(arguments.directory, arguments.category, arguments.name)
        elif (HERE / "CMakeLists.txt").exists():
            add_to_tree(HERE.parent, arguments.category, arguments.name)
        else:
            raise Refusal(f"{HERE} is not the plugins folder of a source tree; say --directory DIR")
    except Refusal as refusal:
        print(f"error: {refusal}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
