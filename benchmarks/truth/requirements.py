"""Requirements files in the forms that pip takes: pinned, not pinned, forbidden, and with a part removed."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.truth.case import Case, Truth
from benchmarks.truth.gate import ask
from services.promotions.checks import Compared, ModelFacts

HASH = "--hash=sha256:" + "1" * 64
COMMIT = "0123456789abcdef0123456789abcdef01234567"
PINNED = (
    "scikit-learn==1.5.2",
    f"pandas==2.2.3 \\\n    {HASH} \\\n    {HASH.replace('1' * 64, '2' * 64)}",
    f"xgboost==2.1.1 {HASH}",
    "cloudpickle===3.0.0",
    "mlflow[extras]==3.1.0",
    f"churnlib @ git+https://git.example.org/team/churnlib@{COMMIT}",
    "code/churnlib-0.4.0-py3-none-any.whl",
    "torch==2.3.1+cu118",
    "requests == 2.32.3  # for the feature store",
    'pywin32==306 ; sys_platform == "win32"',
    "https://files.example.org/scorer-1.4.0.tar.gz",
)
HARMLESS = (
    "--extra-index-url https://download.example.org/whl/cu118", "# made by hand", "", "--prefer-binary",
    'pyyaml==5.3 ; python_version < "3"', 'six>=1 ; python_version < "2.8"',
)  # fmt: skip
LOOSE = (
    "scipy>=1.10", "scipy", "scipy~=1.10", "scipy==1.*", "scipy[extra]", "scipy>=1.0,<2",
    "git+https://git.example.org/team/scipy@main#egg=scipy", "scipy @ git+https://git.example.org/team/scipy",
    "https://files.example.org/latest.zip#egg=scipy", 'scipy>1 ; python_version >= "3.8"',
)  # fmt: skip
FORBIDDEN = (
    "PyYAML===5.3.1", "pyyaml==5.3", f"pyyaml==5.3.1 {HASH}", "pyyaml[extra]==5.1", "py-yaml==1.0\npyyaml==5.3",
    "https://files.example.org/PyYAML-5.3.tar.gz", 'pyyaml==5.3 ; python_version >= "3"',
)  # fmt: skip
LIST = {"forbidden": ["pyyaml<5.4"]}
UNREADABLE = ("scipy=1.0", "conda install scipy", "== 1.0", "scipy 1.0", "name with spaces==1")


def _case(name: str, truth: Truth, text: str | None, *, included: Mapping[str, str | None] | None = None) -> Case:
    facts: dict[str, Any] = {"files": ("MLmodel", "requirements.txt"), "requirements": text}
    compared = Compared(None, model=ModelFacts(**facts, included=dict(included or {})))
    return Case("requirements", name, truth, lambda: ask("dependencies", LIST, compared))


def make(chance: random.Random) -> Sequence[Case]:
    """Pinned lines among harmless ones; then a line replaced, added, or moved to a file that is or is not there."""
    lines = ["mlflow==3.1.0", *chance.sample(PINNED, chance.randint(1, 5)), *chance.sample(HARMLESS, 2)]
    chance.shuffle(lines)
    loose, bad, odd = chance.choice(LOOSE), chance.choice(FORBIDDEN), chance.choice(UNREADABLE)
    place = chance.randrange(len(lines) + 1)

    def plus(line: str) -> str:
        return "\n".join([*lines[:place], line, *lines[place:]]) + "\n"

    constrained = plus("scipy>=1.0\n-c constraints.txt")
    return (
        _case("pinned", Truth.GOOD, "\n".join(lines)),
        _case(f"with {loose}", Truth.BAD, plus(loose)),
        _case(f"with {bad}", Truth.BAD, plus(bad)),
        _case(f"with {odd}", Truth.BAD, plus(odd)),
        _case("pinned by a constraint", Truth.GOOD, constrained, included={"constraints.txt": "scipy==1.14.1"}),
        _case("constraints removed", Truth.OPEN, constrained, included={"constraints.txt": None}),
        _case("constraint that pins another", Truth.BAD, constrained, included={"constraints.txt": "numpy==2.0.0"}),
        _case("pinned in an included file", Truth.GOOD, plus("-r more.txt"), included={"more.txt": "scipy==1.14.1"}),
        _case("loose in an included file", Truth.BAD, plus("-r more.txt"), included={"more.txt": loose}),
        _case("included file removed", Truth.OPEN, plus("-r more.txt"), included={}),
        _case("file removed", Truth.OPEN, None),
        _case("file emptied", Truth.DOUBTFUL, "# nothing\n"),
    )
