"""The scaffold plugins/new_plugin.py: what it writes, where, and what it refuses. Compiling what it writes is test_install.py's business."""
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CATEGORIES = ["alignment", "fusion", "experts", "router", "router_init", "edit", "eval"]


def scaffold(root, *arguments):
    return subprocess.run([sys.executable, root / "plugins/new_plugin.py", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(name="tree")
def small_tree(tmp_path):
    """A source tree with nothing but what the scaffold looks at."""
    shutil.copytree(ROOT / "plugins/templates", tmp_path / "plugins/templates")
    shutil.copy(ROOT / "plugins/new_plugin.py", tmp_path / "plugins")
    (tmp_path / "plugins/CMakeLists.txt").write_text(
        "# Methods.\nadd_symphony_plugin(fusion average)\nadd_symphony_plugin(fusion slerp)\nadd_symphony_plugin(edit identity)\n")
    return tmp_path


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_has_source_and_the_four_tests(tree, category):
    result = scaffold(tree, category, "two_words")
    assert result.returncode == 0, result.stderr
    source = (tree / "plugins" / category / "two_words.cpp").read_text()
    tests = (tree / "tests/plugins" / category / "test_two_words.cpp").read_text()
    assert '"two_words", /*revision=*/1' in source
    assert "@" not in source + tests
    for kind in ["known-value", "invariant", "wrong-input", "contract"]:
        assert f"[plugin][{category}.two_words][{kind}]" in tests
    assert "CATCH_CONFIG_MAIN" not in tests


def test_the_generated_tree_passes_the_layout_check(tree):
    (tree / "plugins/CMakeLists.txt").write_text("# Methods.\n")
    for category in CATEGORIES:
        assert scaffold(tree, category, "mine").returncode == 0
    (tree / "tests/layout").mkdir(parents=True)
    shutil.copy(ROOT / "tests/layout/check_plugins.py", tree / "tests/layout")
    result = subprocess.run([sys.executable, tree / "tests/layout/check_plugins.py"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("category,name,line", [("fusion", "mine", 2), ("alignment", "mine", 1), ("router", "a", 3), ("fusion", "aaa", 1), ("eval", "a", 4)])
def test_the_line_goes_to_its_sorted_place(tree, category, name, line):
    assert scaffold(tree, category, name).returncode == 0
    lines = (tree / "plugins/CMakeLists.txt").read_text().splitlines()
    assert lines[line] == f"add_symphony_plugin({category} {name})"
    assert len(lines) == 5


def test_a_name_that_exists_is_refused_and_nothing_is_written(tree):
    assert scaffold(tree, "fusion", "mine").returncode == 0
    before = {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}
    result = scaffold(tree, "fusion", "mine")
    assert result.returncode == 2
    assert "nothing was written" in result.stderr
    assert before == {path: path.read_bytes() for path in tree.rglob("*") if path.is_file()}


def test_a_test_of_that_name_is_not_overwritten(tree):
    existing = tree / "tests/plugins/fusion/test_mine.cpp"
    existing.parent.mkdir(parents=True)
    existing.write_text("// Mine.\n")
    result = scaffold(tree, "fusion", "mine")
    assert result.returncode == 2
    assert f"{existing} exists" in result.stderr
    assert existing.read_text() == "// Mine.\n"
    assert not (tree / "plugins/fusion/mine.cpp").exists()


def test_bad_requests_are_refused_with_what_is_expected(tree):
    assert "expected one of: alignment, fusion" in scaffold(tree, "fuson", "mine").stderr
    assert "expected lower-case letters" in scaffold(tree, "fusion", "My-Method").stderr
    (tree / "plugins/CMakeLists.txt").unlink()
    assert "say --directory DIR" in scaffold(tree, "fusion", "mine").stderr


def test_a_project_of_its_own_collects_methods(tree, tmp_path):
    folder = tmp_path / "elsewhere"
    assert scaffold(tree, "router", "mine", "--directory", str(folder)).returncode == 0
    assert scaffold(tree, "edit", "mine", "--directory", str(folder)).returncode == 0
    lines = (folder / "CMakeLists.txt").read_text().splitlines()
    assert lines.index("add_symphony_plugin(router mine)") < lines.index("add_symphony_plugin(edit mine)")
    assert "find_package(Symphony REQUIRED)" in lines
    assert "#define CATCH_CONFIG_MAIN" in (folder / "tests/edit/test_mine.cpp").read_text()
    assert (tree / "plugins/CMakeLists.txt").read_text().count("mine") == 0
