/** C0, DEL, C1, the separators of lines and paragraphs, and bidi controls. */
const CONTROLS = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/**
 * Writes control characters as `\x1b` or `\u202e`: a peer may choose parts of a
 * text, and a terminal or a log would obey them.
 */
export function escapeControls(text: string): string {
  return text.replace(CONTROLS, escapeCharacter);
}

/** The same for a text of several lines: line feeds stay. */
export function escapeLines(text: string): string {
  return text.replace(
    CONTROLS,
    (character) => character === "\n" ? character : escapeCharacter(character),
  );
}

/** The same for JSON, of which the value stays as it is. */
export function escapeJson(json: string): string {
  return json.replace(
    CONTROLS,
    (character) => character === "\n" ? character : unicodeEscape(character),
  );
}

function escapeCharacter(character: string): string {
  const code = character.charCodeAt(0);
  return code > 0xff
    ? unicodeEscape(character)
    : `\\x${code.toString(16).padStart(2, "0")}`;
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
