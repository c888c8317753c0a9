"""Which modules count for one test: those it names, however it does, and no others."""

from __future__ import annotations

import importlib
import sys

import pytest

from lab.hunt.reach import within_reach

FILES = {
    "conftest.py": "MADE = []\n",
    "pack/__init__.py": "",
    "pack/conftest.py": "MADE = []\n",
    "pack/test_it.py": (
        "import pack.imported\n"
        "from pack.definer import function, Kind\n"
        "from pack.maker import THING\n"
        "def test_it():\n"
        "    from . import late\n"
        "    return pack.imported.USED\n"
        "class Case:\n"
        "    def test_it(self):\n"
        "        def inner():\n"
        "            import pack.later\n"
    ),
    "pack/imported.py": "import pack.second as second\nUSED = 1\n",
    "pack/second.py": "import pack.imported\n",
    "pack/definer.py": "def function(): pass\nclass Kind: pass\n",
    "pack/maker.py": "class Thing: pass\nTHING = Thing()\n",
    "pack/late.py": "",
    "pack/later.py": "",
    "pack/other.py": "import pack.test_it\n",
    "deep/conftest.py": "MADE = []\n",
}
REACHED = {
    "conftest", "pack", "pack.conftest", "pack.test_it", "pack.imported", "pack.second",
    "pack.definer", "pack.maker", "pack.late", "pack.later",
}  # fmt: skip


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """The modules above, imported."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    names = [name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in FILES]
    for name in names:
        monkeypatch.delitem(sys.modules, name, raising=False)
    made = [importlib.import_module(name) for name in names]
    yield made
    for module in made:
        sys.modules.pop(module.__name__, None)


def test_what_a_test_names_is_reached_and_nothing_else(modules, tmp_path):
    found = within_reach(modules, str(tmp_path / "pack" / "test_it.py"))
    assert {module.__name__ for module in found} == REACHED
    assert len(found) == len(REACHED)


def test_without_a_module_of_the_file_all_count(modules, tmp_path):
    assert within_reach(modules, str(tmp_path / "elsewhere.py")) == modules
