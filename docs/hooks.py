"""What the site needs besides its pages: rules in the navigation, links to files of the repository, no remote parts."""

from __future__ import annotations

import posixpath
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.plugins import get_plugin_logger

log = get_plugin_logger("repository")

ROOT = Path(__file__).resolve().parents[1]
_UP = re.compile(r"(\]\()((?:\.\./)+[^)\s#]+)(#[^)\s]*)?(?=\))")
_LOADING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src"}
_LOADING_LINKS = set(
    "stylesheet icon manifest preload modulepreload prefetch preconnect dns-prefetch".split()
)
_REMOTE = re.compile(r"(?:https?:)?//")
_REMOTE_IN_CSS = re.compile(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//[^)\"';]+")


def on_config(config: Any) -> Any:
    """Put a page for each rule below the list of rules."""
    pages = sorted(path.name for path in (ROOT / "docs" / "rules").glob("TL*.md"))
    _rules(config.nav).extend(f"rules/{name}" for name in pages)
    return config


def _rules(nav: list[Any]) -> list[Any]:
    for entry in nav:
        for title, content in entry.items() if isinstance(entry, dict) else ():
            if title == "Rules":
                return content
            if isinstance(content, list) and (found := _rules(content)):
                return found
    return []


def on_page_markdown(markdown: str, *, page: Any, config: Any, **_: Any) -> str:
    """Send links that leave docs/ to the repository; one to a file that is not there is a warning, thus an error."""
    folder = posixpath.dirname(f"docs/{page.file.src_uri}")

    def found(match: re.Match[str]) -> str:
        start, target, anchor = match[1], match[2], match[3] or ""
        path = posixpath.normpath(posixpath.join(folder, target))
        if path.startswith("docs/"):
            return match[0]
        if not (ROOT / path).exists():
            log.warning(f"{page.file.src_uri}: no file {path} in the repository")
        part = "tree" if (ROOT / path).is_dir() else "blob"
        return f"{start}{config.repo_url}/{part}/main/{path}{anchor}"

    return _UP.sub(found, markdown)


class _Loads(HTMLParser):
    """What a page loads from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.remote: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        address = values.get(_LOADING.get(tag, "")) or ""
        if tag == "link" and _LOADING_LINKS & set((values.get("rel") or "").split()):
            address = values.get("href") or ""
        if _REMOTE.match(address):
            self.remote.append(address)


def on_post_build(config: Any) -> None:
    """Fail where a page or a style sheet loads something from elsewhere."""
    site = Path(config.site_dir)
    found = set()
    for path in site.rglob("*.html"):
        loads = _Loads()
        loads.feed(path.read_text(encoding="utf-8"))
        found |= {f"{path.relative_to(site)}: {address}" for address in loads.remote}
    for path in site.rglob("*.css"):
        found |= {
            f"{path.relative_to(site)}: {text}" for text in _REMOTE_IN_CSS.findall(path.read_text("utf-8"))
        }
    if found:
        raise PluginError("pages load from elsewhere:\n" + "\n".join(sorted(found)))
