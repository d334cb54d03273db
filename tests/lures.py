"""Files that would make a trusting reader open other files or ask an address, whatever their name.

Those that are text come from ``PLAYLISTS``; the others are films and pictures of ``synthetic`` into
which the same is built where their format has a place for it.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import tampered
from synthetic import image, plain

if TYPE_CHECKING:
    from collections.abc import Callable

#: ``{http}`` is an address that listens, ``{canary}`` the path of a film that nobody may open.
PLAYLISTS: dict[str, str] = {
    "m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{http}/a.ts\n#EXT-X-ENDLIST\n",
    "m3u8 of a file": "#EXTM3U\n#EXTINF:10,\nfile://{canary}\n#EXT-X-ENDLIST\n",
    "ffconcat": "ffconcat version 1.0\nfile '{canary}'\nfile '{http}/a.mp4'\n",
    "concat": "file '{canary}'\n",
    "mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><Period>'
    "<BaseURL>{http}/</BaseURL></Period></MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    "svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{http}/a.png"/></svg>',
    "html": '<html><meta http-equiv="refresh" content="0;url={http}/"></html>',
    "asx": '<asx version="3.0"><entry><ref href="{http}/a.asf"/></entry></asx>',
    "pls": "[playlist]\nFile1={http}/a.mp3\n",
    "srt": "1\n00:00:00,000 --> 00:00:01,000\nhello\n",
}
MORE: dict[str, str] = {
    "smil": '<smil><body><video src="{http}/a.mp4"/><video src="{canary}"/></body></smil>',
    "ram": "{http}/a.rm\nfile://{canary}\n",
    "asf reference": "[Reference]\nRef1={http}/a.asf\nRef2={canary}\n",
    "xspf": '<?xml version="1.0"?><playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList>'
    "<track><location>{http}/a.mp4</location></track></trackList></playlist>",
    "smooth streaming": '<SmoothStreamingMedia><StreamIndex Url="{http}/"/></SmoothStreamingMedia>',
    "vapoursynth": "import urllib.request\nurllib.request.urlopen('{http}/')\n",
    "image sequence": "{canary}%d.jpg",
}


def texts(http: str, canary: str) -> dict[str, bytes]:
    """All of ``PLAYLISTS`` and ``MORE``, and a playlist behind an ID3 tag as HLS allows it."""
    found = {
        name: text.replace("{http}", http).replace("{canary}", canary).encode()
        for name, text in {**PLAYLISTS, **MORE}.items()
    }
    return {**found, "m3u8 behind ID3": b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + found["m3u8"]}


def built_in(http: str, canary: str) -> dict[str, tuple[str, bytes]]:
    """Suffix and bytes of films and pictures that hold the same."""
    playlist = texts(http, canary)["m3u8 of a file"]
    makers: dict[str, tuple[str, Callable[[], bytes]]] = {
        "an address in a table": (".mp4", lambda: tampered.pointing_elsewhere(f"{http}/x")),
        "a path in a table": (".mov", lambda: _with_alias(canary)),
        "a table that has only a path": (".mov", lambda: _with_alias(canary, outside=True)),
        "a playlist for subtitles in AVI": (".avi", lambda: _with_gab2(playlist)),
        "a next segment in Matroska": (".mkv", lambda: _linked("canary.mkv")),
        "a picture with a playlist behind it": (".jpg", lambda: image("mjpeg") + playlist),
        "a picture with a film behind it": (".png", lambda: image("png") + plain(n_frames=2)),
    }
    return {name: (suffix, make()) for name, (suffix, make) in makers.items()}


def _with_alias(path: str, *, outside: bool = False) -> bytes:
    """An MP4 with a Macintosh alias to a file among its references (QuickTime, ``dref``, ``alis``).

    FFmpeg follows one when it is told to (``enable_drefs``). ``outside``: its samples are said to
    lie there, not here.
    """
    name = path.rpartition("/")[2].encode()[:63]
    alias = bytes(10) + b"\4disk".ljust(28, b"\0") + bytes(12)
    alias += bytes([len(name)]) + name.ljust(63, b"\0") + bytes(16) + struct.pack(">HH", 1, 1)
    where = path.encode() + b"\0" * (len(path) % 2)
    alias += bytes(16) + struct.pack(">HH", 2, len(where)) + where + struct.pack(">Hh", 0xFFFF, 0)
    entry = struct.pack(">I", 12 + len(alias)) + b"alis" + bytes(4) + alias
    own = b"\0\0\0\x0curl \0\0\0\x01"
    data = plain(n_frames=4)
    at = data.index(own)
    changed = bytearray(data)
    changed[at : at + len(own)] = entry if outside else own + entry
    if not outside:
        struct.pack_into(">I", changed, at - 4, 2)
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        start = data.index(box) - 4  # the table lies behind the samples: their offsets stay
        (size,) = struct.unpack_from(">I", changed, start)
        struct.pack_into(">I", changed, start, size + len(changed) - len(data))
    return bytes(changed)


def _with_gab2(playlist: bytes) -> bytes:
    """An AVI with a second track of text whose one chunk is a GAB2 record that holds a playlist.

    FFmpeg guesses at the format of what such a record holds, and opens it.
    """
    data = plain(muxer="avi", codec="mpeg4", n_frames=4)
    head = b"txts" + bytes(16) + struct.pack("<IIIIIII", 1, 25, 0, 1, 0, 0, 0) + bytes(8)
    track = _riff(b"LIST", b"strl" + _riff(b"strh", head) + _riff(b"strf", bytes(4)))
    record = b"GAB2\0\2\0" + struct.pack("<I", 2) + b"x\0" + struct.pack("<H", 4)
    chunk = _riff(b"01tx", record + struct.pack("<I", len(playlist)) + playlist)
    hdrl, movi = data.index(b"hdrl") - 8, data.index(b"movi") - 8
    hdrl_end, movi_end = (at + 8 + struct.unpack_from("<I", data, at + 4)[0] for at in (hdrl, movi))
    changed = bytearray(
        data[:hdrl_end] + track + data[hdrl_end : movi + 12] + chunk + data[movi + 12 :]
    )
    struct.pack_into("<I", changed, hdrl + 4, hdrl_end - hdrl - 8 + len(track))
    struct.pack_into("<I", changed, movi + len(track) + 4, movi_end - movi - 8 + len(chunk))
    struct.pack_into("<I", changed, 4, len(changed) - 8)
    struct.pack_into("<I", changed, data.index(b"avih") + 8 + 24, 2)
    # The index counts from before: without it a reader goes from chunk to chunk.
    at = changed.rindex(b"idx1")
    changed[at : at + 4] = b"JUNK"
    return bytes(changed)


def _linked(name: str) -> bytes:
    """A Matroska file that says which file comes next (RFC 9559, 17), in place of who muxed it."""
    data = plain(muxer="matroska", n_frames=4)
    at = data.index(b"\x4d\x80")
    length = data[at + 2] & 0x7F
    said = name.encode().ljust(length - 1, b"\0")
    assert len(said) == length - 1
    return data[:at] + b"\x3e\x83\xbb" + bytes([0x80 | length - 1]) + said + data[at + 3 + length :]


def _riff(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
