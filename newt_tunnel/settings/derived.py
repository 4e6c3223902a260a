"""Entries of the allow-list that come from the blueprint, merged with those of ``egress``.

A derived entry passes the same checks as a written one. Afterwards they only differ in the key that
they are reported under.
"""

from __future__ import annotations

from dataclasses import replace

from newt_tunnel.blueprint import reading
from newt_tunnel.blueprint.exposed import Via
from newt_tunnel.findings import Finding, shown, warning
from newt_tunnel.settings.facts import Facts
from newt_tunnel.settings.files import Files
from newt_tunnel.settings.merging import KEY, Derived, Merge

_FILE = f"{KEY}.file"


def derive(facts: Facts, files: Files) -> Derived:
    """What the blueprint of a stack file adds to its allow-list.

    Nothing where there is no blueprint, or where its keys are invalid, which the file's validation
    reports.
    """
    derived = Derived()
    section = facts.blueprint
    if section is None or section.file is None:
        return derived
    try:
        text = files.read(section.file)
    except (OSError, UnicodeDecodeError) as error:
        derived.problems.append(Finding(_FILE, section.file, _unreadable(error)))
        return derived
    found = reading.read(text, site=section.site, all_ports=frozenset(section.all_ports))
    derived.problems += [_problem(fault, section.file) for fault in found.faults]
    derived.left_out += [
        replace(note, key=f"{KEY}.{note.key}" if note.key else _FILE) for note in found.notes
    ]
    Merge(facts, derived).add(found.exposures)
    if not found.exposures and not found.faults:
        derived.left_out.append(warning(_FILE, f"{section.file} exposes nothing at this site"))
    private = [one for one in found.exposures if one.via is Via.PRIVATE]
    if private and facts.clients is False:
        derived.left_out.append(
            warning(
                f"{KEY}.{private[0].where}",
                "newt serves private resources to clients only, and newt.clients is false",
            )
        )
    return derived


def _unreadable(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, UnicodeDecodeError):
        return "is not text in UTF-8; is it the right file?"
    if isinstance(error, FileNotFoundError):
        return "does not exist; write a path from the folder of Pulumi.yaml"
    return f"cannot be read: {error.strerror or shown(str(error))}"


def _problem(fault: Finding, file: str) -> Finding:
    if not fault.key:
        return replace(fault, key=_FILE, value=file)
    return replace(fault, key=f"{KEY}.{fault.key}")
