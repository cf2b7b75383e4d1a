"""Makes a data folder from a seed: make_folder.py SEED MEDIA OUT

MEDIA holds sound clips and pictures, OUT must not exist. Folders of even seeds
can be trained, those of odd ones have something wrong with some files: with their
media, or with what says which they are. The name of each is printed, as messages show
it.
"""
import json
import os
import random
import sys
from pathlib import Path

NAMES = ["clip", "a clip", "caf\u00e9", "\u732b", "clip,one", "Clip.v1"]
CAPTIONS = ["moving bars", "moving bars, a clock", "\ufeffa square", "caf\u00e9 bars\n"]


def escaped(name):
    """As messages show it: bytes that are not UTF-8 as escapes."""
    text = ""
    for char in os.fsdecode(name):
        code = ord(char)
        text += f"\\x{code - 0xDC00:02X}" if 0xDC80 <= code <= 0xDCFF else char
    return text


class Folder:
    def __init__(self, seed, media, out):
        self.draw = random.Random(seed)
        media = sorted(Path(media).iterdir())
        self.sound = [m for m in media if m.stem != "short"]
        self.clip = next(m for m in self.sound if m.suffix == ".mp4").read_bytes()
        self.short = next(m for m in media if m.stem == "short").read_bytes()
        self.out = Path(out)
        self.form = ["captions", "csv", "jsonl", "mapping", "lists"][seed // 2 % 5]
        self.rows = []
        self.wrong = []
        self.number = 0

    def name(self):
        self.number += 1
        return f"{self.draw.choice(NAMES)}-{self.number:02}"

    def put(self, name, content, caption=None):
        """A medium with its caption, in whatever form the folder has."""
        path = os.fsencode(self.out) + b"/" + os.fsencode(name)
        Path(os.fsdecode(path)).write_bytes(content)
        caption = self.draw.choice(CAPTIONS) if caption is None else caption
        if self.form == "captions":
            Path(os.fsdecode(os.path.splitext(path)[0] + b".txt")).write_text(
                caption, encoding="utf-8")
        else:
            self.rows.append((name, caption))

    def good(self):
        source = self.draw.choice(self.sound)
        self.put(self.name() + source.suffix, source.read_bytes())

    def bad(self):
        name = self.name()
        clip = self.clip
        damages = {
            "cut": clip[:len(clip) // 3],
            "empty": b"",
            "page": b"<!DOCTYPE html><html><body>404</body></html>",
            "pointer": b"version https://git-lfs.github.com/spec/v1\nsize 9\n",
            "noise": bytes(self.draw.randrange(256) for _ in range(5000)),
        }
        kind = self.draw.choice([*damages, "short", "caption", "name"])
        if kind in damages:
            self.put(name + ".mp4", damages[kind])
        elif kind == "short":
            self.put(name + ".mp4", self.short)
        elif kind == "caption" and self.form != "lists":
            self.put(name + ".mp4", clip, " \ufeff\n")
            if self.form != "captions":
                return  # it is the row that is named
            self.wrong.append(name + ".txt")
            return
        elif self.form == "captions":
            name = os.fsdecode(b"b\xe9-%02d" % self.number)
            self.put(name + ".mp4", clip)
        else:
            self.rows.append((name + ".mp4", "there is no such file"))
        self.wrong.append(escaped(name + ".mp4"))

    def write_rows(self):
        rows = [(n, c.strip("\ufeff\n")) for n, c in self.rows]
        if self.form == "csv":
            quoted = lambda text: '"' + text.replace('"', '""') + '"'
            text = "video, prompt\r\n" + "".join(
                f"{quoted(n)}, {quoted(c)} \r\n" for n, c in rows)
            (self.out / "metadata.csv").write_text(
                text, encoding="utf-8", newline="")
        elif self.form == "jsonl":
            (self.out / "metadata.jsonl").write_text("".join(
                json.dumps({"file_name": n, "text": c}) + "\n" for n, c in rows))
        elif self.form == "mapping":
            (self.out / "captions.json").write_text(
                json.dumps({n: [c] for n, c in rows}))
        elif self.form == "lists":
            for name, lines in (("videos", [n for n, _ in rows]),
                                ("prompts", [c for _, c in rows])):
                (self.out / f"{name}.txt").write_text(
                    "".join(f"{line}\n" for line in lines), encoding="utf-8")

    def make(self, is_fine):
        self.out.mkdir()
        for _ in range(self.draw.randint(1, 3)):
            self.good()
        if not is_fine:
            for _ in range(self.draw.randint(1, 3)):
                self.bad()
        self.write_rows()
        (self.out / "README.md").write_text("a data set\n")
        (self.out / "._clip.mp4").write_bytes(bytes(100))
        (self.out / "self").symlink_to(".")


if __name__ == "__main__":
    folder = Folder(int(sys.argv[1]), sys.argv[2], sys.argv[3])
    folder.make(is_fine=int(sys.argv[1]) % 2 == 0)
    print("\n".join(folder.wrong))
