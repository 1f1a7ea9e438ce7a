/** The words of an NTCIP 1203 MULTI text, for reading: pages of lines. Not a picture of the sign's pixels. */

/** `[nl]` ends a line, `[np]` a page, `[[` and `]]` are brackets; other tags set looks and are left out. */
export function signPages(multi: string): string[][] {
  const pages: string[][] = [[""]];
  const token = /\[\[|\]\]|\[([^\]]*)\]|[^[\]]+/g;
  for (const [text, tag] of multi.matchAll(token)) {
    const page = pages.at(-1) ?? [];
    if (text === "[[" || text === "]]") append(page, text.charAt(0));
    else if (tag === undefined) append(page, text);
    else if (/^nl\d?$/i.test(tag)) page.push("");
    else if (/^np$/i.test(tag)) pages.push([""]);
  }
  return pages.map((page) => page.map((line) => line.trim()));
}

function append(page: string[], text: string): void {
  page.push((page.pop() ?? "") + text);
}
