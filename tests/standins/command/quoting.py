"""Text as Go's `%q` prints it, in which pulumi-command's errors show the script."""

ESCAPES = {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t"} | {
    "\v": r"\v",
    "\\": r"\\",
    '"': r"\"",
}


def go_quote(text: str) -> str:
    """The text as Go's %q prints it."""

    def quoted(character: str) -> str:
        code = ord(character)
        if character in ESCAPES:
            return ESCAPES[character]
        if character == " " or character.isprintable():
            return character
        if code < 0x80:
            return f"\\x{code:02x}"
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return f'"{"".join(map(quoted, text))}"'
