"""Which types a C++ source defines; what house.py needs of a parser."""

import re

# Comments and literals; a number first, whose ' is no quote.
NO_CODE = re.compile(
    r"""(?<!\w)\d[\w'.]* | //[^\n]* | /\*.*?\*/ |
        R"([^()\\\s]{0,16})\(.*?\)\1" |
        "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""", re.DOTALL | re.VERBOSE)
TOKEN = re.compile(
    r"^[ \t]*\#(?:[^\n]*\\\n)*[^\n]* | [A-Za-z_]\w* | :: | [^\s\w]",
    re.MULTILINE | re.VERBOSE)
TYPE_WORDS = ("struct", "class", "union", "enum")


def _skip_brackets(tokens, start, opening, closing):
    """Where the tokens go on after the bracket that begins at start."""
    depth = 0
    for place in range(start, len(tokens)):
        depth += (tokens[place] == opening) - (tokens[place] == closing)
        if depth == 0:
            return place + 1
    return len(tokens)


def type_of_head(head):
    """The name of the type that `head {` defines; None if it does not.

    Also None for members of other types (`Outer::Inner`); "" for what is a
    type without a name of its own: a specialisation, or one without a name.
    """
    place = 0
    while place < len(head) and head[place] in (
            "template", "typedef", "static", "inline", "constexpr", "const"):
        place += 1
        if head[place - 1] == "template" and head[place:place + 1] == ["<"]:
            place = _skip_brackets(head, place, "<", ">")
    if place == len(head) or head[place] not in TYPE_WORDS:
        return None
    place += 1
    if head[place:place + 1] in (["class"], ["struct"]):  # enum class
        place += 1
    name = ""
    while place < len(head):
        token = head[place]
        if token == "[":
            place = _skip_brackets(head, place, "[", "]")
        elif token == "(":  # of alignas or a macro before the name
            name, place = "", _skip_brackets(head, place, "(", ")")
        elif token in ("final", ":"):
            return name
        elif token in ("<", "::"):
            return "" if token == "<" else None
        elif re.match(r"\w", token) and (not name or name.isupper()):
            name, place = token, place + 1
        else:  # a function that returns `struct NAME`
            return None
    return name


def types_defined(text):
    """[(line, qualified name)] of the types that others could mean.

    Left out: what is inside an anonymous namespace, a type or a function.
    """
    # Literals become blanks, but a number keeps the tokens beside it apart.
    code = NO_CODE.sub(lambda m: "\n" * m.group().count("\n") + " ", text)
    found, scopes, head, saved = [], [], [], []
    for match in TOKEN.finditer(code):
        token = match.group()
        if token.lstrip().startswith("#"):
            directive = re.match(r"\s*#\s*(\w*)", token).group(1)
            if directive in ("if", "ifdef", "ifndef"):
                saved.append((list(scopes), list(head)))
            elif directive in ("else", "elif") and saved:
                scopes, head = list(saved[-1][0]), list(saved[-1][1])
            elif directive == "endif" and saved:
                saved.pop()
        elif token == "{":
            if "namespace" in head[:2]:
                name = "".join(head[head.index("namespace") + 1:])
                scopes.append(name or None)
            elif head == ["extern"]:  # extern "C"
                scopes.append("")
            else:
                name = type_of_head(head)
                if name and None not in scopes:
                    line = code.count("\n", 0, match.start()) + 1
                    found.append((line, "::".join(
                        [scope for scope in scopes if scope] + [name])))
                scopes.append(None)  # nothing in it can be meant from outside
            head = []
        elif token == "}":
            if scopes:
                scopes.pop()
            head = []
        elif token == ";":
            head = []
        else:
            head.append(token)
    return found
