"""What a host or a cluster answers is never a traceback."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from unittest import mock

import pulumi
import pytest

from tests.unit.components import nas
from tests.unit.components.nas import deploy


@pytest.mark.parametrize(
    ("command", "said", "sentence"),
    [
        ("newt-tunnel-newt-credentials", "", "did not say which credentials it has written"),
        (
            "newt-tunnel-proof-probes",
            "RULE  DESTINATION  PORT  EXPECTED  VERDICT  EVIDENCE\ncut off",
            "the table of the proof on 10.0.1.10 cannot be read: not a row",
        ),
    ],
)
def test_what_a_docker_host_said_wrongly_is_one_sentence(
    command: str, said: str, sentence: str
) -> None:
    def answers(type_: str, name: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"stdout": said} if name == command else before(type_, name, inputs)

    before = nas.computed
    with (
        mock.patch.object(nas, "computed", answers),
        pytest.raises(pulumi.RunError, match=sentence),
    ):
        deploy()
