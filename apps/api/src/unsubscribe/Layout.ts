import { HttpServerResponse } from "effect/http"
import { hash } from "node:crypto"
import { escape } from "../docs/Html.ts"
import type { Notice, Texts } from "./Texts.ts"

const style = `
:root { color-scheme: light dark; --ground: #f3f5f8; --card: #fff; --ink: #1a1f2b; --soft: #515b6e; --line: #d5dbe5; --edge: #767f91; --accent: #0b57c2; --on-accent: #fff; --accent-strong: #08458f; --good: #116329; --bad: #b3261e; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #12151c; --card: #1c212b; --ink: #eef1f6; --soft: #b3bccb; --line: #39414f; --edge: #8a94a6; --accent: #8ab8ff; --on-accent: #0d1a2e; --accent-strong: #b3d1ff; --good: #7fd494; --bad: #ffb4ab; }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; padding: 1.25rem; min-height: 100vh; background: var(--ground); color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; overflow-wrap: anywhere; }
main { max-width: 27rem; margin: clamp(0rem, 12vh, 8rem) auto 2rem; padding: clamp(1.5rem, 5vw, 2.25rem); background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
main.wide { max-width: 34rem; margin-top: clamp(0rem, 4vh, 3rem); }
h1 { margin: 0 0 0.5rem; font-size: 1.5rem; line-height: 1.25; text-wrap: balance; }
p { margin: 0 0 1rem; color: var(--soft); }
main > p:last-child { margin-bottom: 0; }
button { width: 100%; min-height: 3rem; margin-top: 0.5rem; padding: 0.625rem 1.25rem; border: 1px solid var(--accent); border-radius: 8px; background: var(--accent); color: var(--on-accent); font: inherit; font-weight: 600; cursor: pointer; }
button:hover { background: var(--accent-strong); border-color: var(--accent-strong); }
button.quiet { background: transparent; border-color: var(--edge); color: var(--ink); }
button.quiet:hover { border-color: var(--ink); }
:focus-visible, input[type=time]:focus-within { outline: 3px solid var(--accent); outline-offset: 3px; }
fieldset { margin: 0; padding: 1.25rem 0 0.75rem; border: 0; border-top: 1px solid var(--line); min-width: 0; }
legend { float: left; width: 100%; margin: 0 0 0.25rem; padding: 0; font-size: 1.0625rem; font-weight: 600; }
legend + * { clear: both; }
.row { display: flex; align-items: center; gap: 1rem; padding: 0.5rem 0; min-height: 2.75rem; cursor: pointer; }
.row > span { flex: 1; }
.row.fixed { cursor: default; }
small { display: block; color: var(--soft); font-size: 0.875rem; }
input[type=checkbox] { flex: none; appearance: none; position: relative; width: 2.75rem; height: 1.5rem; margin: 0; border: 1px solid var(--edge); border-radius: 1rem; background: transparent; cursor: inherit; }
input[type=checkbox]::before { content: ""; position: absolute; top: 3px; left: 3px; width: 1rem; height: 1rem; border-radius: 50%; background: var(--edge); }
input[type=checkbox]:checked { background: var(--accent); border-color: var(--accent); }
input[type=checkbox]:checked::before { left: auto; right: 3px; background: var(--on-accent); }
input[type=checkbox]:disabled { opacity: 0.55; }
.times { display: flex; flex-wrap: wrap; gap: 0 1rem; }
.times > div { flex: 1 1 9rem; margin-bottom: 1rem; }
.times label { display: block; margin-bottom: 0.5rem; font-weight: 600; }
input[type=time] { width: 100%; min-height: 2.75rem; padding: 0.375rem 0.75rem; border: 1px solid var(--edge); border-radius: 8px; background: var(--card); color: var(--ink); font: inherit; }
input[aria-invalid=true] { border: 2px solid var(--bad); }
.status { padding: 0.75rem 1rem; border: 1px solid currentColor; border-radius: 8px; font-weight: 600; }
.good { color: var(--good); }
.bad { color: var(--bad); }
.error { margin: 0.5rem 0 0; color: var(--bad); font-weight: 600; }
@media (forced-colors: active) {
  input[type=checkbox] { appearance: auto; width: 1.5rem; }
  input[type=checkbox]::before { content: none; }
}
`

// No script and nothing from another host. The style is the one above, and forms are sent to this host.
const policy = [
  "default-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "img-src data:",
  `style-src 'sha256-${hash("sha256", style, "base64")}'`
].join("; ")

/** A page and its status. */
export interface HtmlPage {
  readonly status?: number
  readonly title: string
  /** HTML inside of `main`. */
  readonly body: string
  readonly isWide?: boolean
  readonly headers?: Readonly<Record<string, string>>
}

/** The heading and the text of a notice, as HTML. */
export const noticeHtml = ({ heading, text }: Notice, attributes = ""): string =>
  `<h1>${escape(heading)}</h1>
<p${attributes}>${escape(text)}</p>`

/** A page that consists of a notice. */
export const noticePage = (notice: Notice, status: number, headers: HtmlPage["headers"] = {}): HtmlPage => ({
  status,
  title: notice.heading,
  body: noticeHtml(notice),
  headers
})

/** The response with a page. Search engines, caches and the next page get no copy of it and of its address. */
export const respondPage = ({ language }: Texts, page: HtmlPage): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(
    `<!doctype html>
<html lang="${escape(language)}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<title>${escape(page.title)}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<main${page.isWide === true ? ` class="wide"` : ""}>
${page.body}
</main>
</body>
</html>
`,
    {
      status: page.status ?? 200,
      contentType: "text/html; charset=utf-8",
      headers: {
        "content-language": language,
        "content-security-policy": policy,
        "x-robots-tag": "noindex, nofollow",
        ...page.headers
      }
    }
  )
