"""The installed package, from outside: install this build into a fresh prefix, generate a plugin of every category in a folder of its own,
build them against the package alone, and see the installed runner know them.

    test_install.py BUILD_FOLDER [--all]     without the flag, two plugins and the tests of one are built, with it all (2.5 CPU minutes)
"""
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

CATEGORIES = ["alignment", "fusion", "experts", "router", "router_init", "edit", "eval"]


def call(*command, expect=0, **options):
    """Runs a command without this build's search paths; its output is shown when it fails."""
    environment = {key: value for key, value in os.environ.items() if key not in ("SYMPHONY_PLUGIN_PATH", "LD_LIBRARY_PATH")}
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, env=environment, **options)
    if result.returncode != expect:
        sys.exit(f"{' '.join(map(str, command))}\nexit status {result.returncode}, expected {expect}\n{result.stdout}{result.stderr}")
    return result.stdout + result.stderr


def expect_text(text, *parts):
    for part in parts:
        if part not in text:
            sys.exit(f"expected {part!r} in:\n{text}")


def check_installed_tree(prefix):
    for path in ["bin/runner", "lib/libsymphony_core.so", "lib/cmake/Symphony/SymphonyConfig.cmake", "lib/cmake/Symphony/SymphonyPlugin.cmake",
                 "lib/cmake/Symphony/SymphonyTorch.cmake", "include/symphony/core/plugin/fusion.hpp", "share/symphony/plugins/new_plugin.py",
                 "share/symphony/analysis/report.py", "share/symphony/analysis/page.css", "share/symphony/analysis/figures/style.py",
                 "share/symphony/analysis/symphony_results/layout.py"]:
        if not (prefix / path).exists():
            sys.exit(f"the installed tree has no {path}")
    stray = [path for path in (prefix / "include").rglob("*") if path.is_file() and path.suffix != ".hpp"]
    if stray:
        sys.exit(f"headers only, but found {stray}")


def build_project(prefix, folder, built, tested):
    """Generates one method a category and builds some; returns the folder of plugins."""
    for category in CATEGORIES:
        call(sys.executable, prefix / "share/symphony/plugins/new_plugin.py", category, "mine", "--directory", folder)
    call("cmake", "-G", "Ninja", "-B", folder / "build", "-S", folder, f"-DCMAKE_PREFIX_PATH={prefix}")
    targets = [f"plugin_{category}_mine" for category in built] + [f"test_{category}_mine" for category in tested]
    call("cmake", "--build", folder / "build", "-j", "2", "--target", *targets)
    return folder / "build/plugins"


def main():
    build = Path(sys.argv[1])
    built, tested = (CATEGORIES, CATEGORIES) if "--all" in sys.argv else (["fusion", "eval"], ["fusion"])
    with tempfile.TemporaryDirectory(prefix="symphony_install_") as scratch:
        installed = Path(scratch) / "first"
        call("cmake", "--install", build, "--prefix", installed)
        check_installed_tree(installed)
        prefix = Path(scratch) / "moved"  # a tree that works only where it was installed would fail from here on
        installed.rename(prefix)
        runner = prefix / "bin/runner"
        here = call(runner, "list", "--format", "json")
        own = [plugin["library"] for plugin in json.loads(here)["plugins"]]
        if not own or not all(library.startswith(str(prefix)) for library in own):
            sys.exit(f"the installed runner found other plugins than its own: {own}")
        folder = Path(scratch) / "methods"
        plugins = build_project(prefix, folder, built, tested)
        listed = call(runner, "list", "--plugins", plugins)
        expect_text(listed, *[f"{category}.mine" for category in built])
        if "refused" in listed:
            sys.exit(f"a plugin was refused:\n{listed}")
        expect_text(call(runner, "describe", "fusion.mine", "--plugins", plugins), "share", "0 to 1", str(plugins / "fusion/mine.so"))
        expect_text(call(runner, "describe", "fusion.mine", expect=2), "unknown method 'fusion.mine'")
        # Dropping a library into a folder is all it takes, also beside the runner's own.
        (prefix / "lib/symphony/plugins/fusion").mkdir(parents=True, exist_ok=True)
        (plugins / "fusion/mine.so").rename(prefix / "lib/symphony/plugins/fusion/mine.so")
        expect_text(call(runner, "describe", "fusion.mine"), "fusion.mine: ")
        (prefix / "lib/symphony/plugins/fusion/mine.so").rename(plugins / "fusion/mine.so")
        for category in tested:
            expect_text(call(folder / f"build/test_{category}_mine"), "All tests passed")
    print(f"install: {len(built)} generated plugins known to the installed runner, tests of {len(tested)} passed")


if __name__ == "__main__":
    main()
