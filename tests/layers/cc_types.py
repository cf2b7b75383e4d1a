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


# What a statement of a class begins with that declares no member of it.
NO_MEMBER = ("using", "typedef", "friend", "static_assert", "public",
             "protected", "private")


def _outer(tokens):
    """The tokens outside of <>, [] and of the brackets of macros."""
    outer, place = [], 0
    while place < len(tokens):
        token = tokens[place]
        if token == "<" and outer and outer[-1] != "operator":
            place = _skip_brackets(tokens, place, "<", ">")
        elif token == "[":
            place = _skip_brackets(tokens, place, "[", "]")
        elif re.match(r"[A-Z]+_[A-Z_]+$", token):
            place += 1
            if tokens[place:place + 1] == ["("]:
                place = _skip_brackets(tokens, place, "(", ")")
        else:
            outer.append(token)
            place += 1
    return outer


def kind_of_member(head, class_name):
    """"method", "data" or None of what the tokens of a statement declare."""
    if len(head) < 2 or head[0] in NO_MEMBER:
        return None
    outer = _outer(head[1:] if head[0] == "template" else head)
    if "(" in outer and "=" not in outer[:outer.index("(")]:
        name = outer[outer.index("(") - 1]
        return None if name == class_name else "method"
    is_type = outer[0] in TYPE_WORDS and len(outer) < 3
    return None if "static" in outer or is_type else "data"


def _read_class(tokens, place, name, found):
    """Counts the members behind the { before place; returns its } + 1."""
    line = tokens[place - 1][1]
    counts, head = {"method": 0, "data": 0, None: 0}, []
    while place < len(tokens) and tokens[place][0] != "}":
        token = tokens[place][0]
        place += 1
        if token == ":" and head and head[-1] in NO_MEMBER:
            head = []
        elif token == ";":
            counts[kind_of_member(head, name)] += 1
            head = []
        elif token == "{":
            inner = type_of_head(head)
            if inner:
                place = _read_class(tokens, place, inner,
                                    found if head[0] == "class" else [])
                head = ["using"]  # what follows it is no member
                continue
            words = [word for word, _ in tokens]
            before, place = words[place - 2], _skip_brackets(
                words, place - 1, "{", "}")
            kind = kind_of_member(head, name)
            # The body of a function; a constructor's members have {} too.
            if "(" in _outer(head) and kind != "data" and (
                    not re.match(r"\w", before) or before in (
                        "const", "override", "final", "noexcept")):
                counts[kind] += 1
                head = []
        else:
            head.append(token)
    found.append((line, name, counts["data"], counts["method"]))
    return place + 1


def class_sizes(text):
    """[(line, name, data members, methods)] of the classes in a source.

    Constructors, destructors and what is static data do not count; nor do
    structs, which have no invariants to keep.
    """
    code = NO_CODE.sub(lambda m: "\n" * m.group().count("\n") + " ", text)
    tokens, found, head = [], [], []
    for match in TOKEN.finditer(code):
        if not match.group().lstrip().startswith("#"):
            tokens.append((match.group(),
                           code.count("\n", 0, match.start()) + 1))
    place = 0
    while place < len(tokens):
        token = tokens[place][0]
        place += 1
        if token == "{" and "class" in head and "enum" not in head and (
                name := type_of_head(head)):
            place = _read_class(tokens, place, name, found)
        head = [] if token in ("{", "}", ";") else head + [token]
    return sorted(found)
