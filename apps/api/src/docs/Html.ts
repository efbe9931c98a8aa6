const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}

/** Escapes text for an element or an attribute. */
export const escape = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => entities[character] ?? character)

/** Renders the Markdown that descriptions use: code between backticks. */
export const inline = (markdown: string): string => escape(markdown).replace(/`([^`]+)`/g, "<code>$1</code>")

/** Renders text whose paragraphs are separated by empty lines. */
export const paragraphs = (markdown: string): string =>
  markdown
    .split(/\n{2,}/)
    .map((paragraph) => `<p>${inline(paragraph)}</p>`)
    .join("\n")

/** A page with {@link staticStyle} and no script. */
export const staticPage = ({ body, title }: { readonly title: string; readonly body: string }): string =>
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(title)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/api/docs/assets/docs.css">
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
${body}
</body>
</html>
`

/** The style of static pages: one column on narrow screens, the contents next to the text on wide ones. */
export const staticStyle = `
:root { color-scheme: light; --ink: #1a1f2b; --soft: #4a5468; --line: #d8dde6; --ground: #f5f7fa; --link: #0b57c2; }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: #fff; color: var(--ink); font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; overflow-wrap: anywhere; }
a { color: var(--link); text-underline-offset: 0.15em; }
a:hover { text-decoration-thickness: 2px; }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 2px; }
.skip { position: absolute; left: -100rem; background: #fff; padding: 0.5rem 1rem; }
.skip:focus { left: 1rem; top: 1rem; z-index: 1; }
.page { max-width: 46rem; margin: 0 auto; padding: 1.5rem 1.25rem 4rem; }
h1, h2, h3, h4 { line-height: 1.25; text-wrap: balance; }
h1 { font-size: 1.75rem; margin: 0 0 0.5rem; }
h2 { font-size: 1.375rem; margin: 3rem 0 0.5rem; padding-top: 1.5rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.125rem; margin: 2.5rem 0 0.5rem; }
h4 { font-size: 1rem; margin: 1.5rem 0 0.5rem; }
p { margin: 0 0 1rem; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: 0.9em; }
code { background: var(--ground); border: 1px solid var(--line); border-radius: 4px; padding: 0.05em 0.3em; -webkit-box-decoration-break: clone; box-decoration-break: clone; }
.fields > li > code:first-child { font-weight: 600; }
.soft code { background: none; border: 0; padding: 0; }
h3 code, pre code { background: none; border: 0; padding: 0; }
h3 code { font-size: 1em; }
pre { background: var(--ground); border: 1px solid var(--line); border-radius: 6px; padding: 0.875rem 1rem; margin: 0.5rem 0 1rem; line-height: 1.5; white-space: pre-wrap; }
.soft { color: var(--soft); }
.trail { margin-bottom: 1.5rem; }
nav { margin: 1.5rem 0 2rem; padding: 0.75rem 1.25rem; background: var(--ground); border: 1px solid var(--line); border-radius: 8px; }
nav h2 { font-size: 1rem; margin: 1rem 0 0.25rem; padding: 0; border: 0; }
nav h2:first-child { margin-top: 0; }
nav ul, .fields { list-style: none; margin: 0; padding: 0; }
nav a { display: inline-block; padding: 0.25rem 0; }
.fields > li { padding: 0.75rem 0; border-top: 1px solid var(--line); }
.fields > li > p { margin: 0.25rem 0 0; }
.fields .fields { margin: 0.75rem 0 0 0.25rem; padding-left: 1rem; border-left: 3px solid var(--line); }
.facts { display: grid; grid-template-columns: 1fr; margin: 0 0 1rem; }
.facts dt { font-weight: 600; }
.facts dd { margin: 0 0 0.5rem; }
details { margin: 1rem 0; }
summary { cursor: pointer; font-weight: 600; padding: 0.25rem 0; }
.cards { list-style: none; margin: 1.5rem 0 0; padding: 0; display: grid; gap: 1rem; }
.cards li { border: 1px solid var(--line); border-radius: 8px; padding: 1rem 1.25rem; }
.cards h2 { font-size: 1.125rem; margin: 0 0 0.25rem; padding: 0; border: 0; }
.cards p:last-child { margin: 0; }
@media (min-width: 40rem) {
  .facts { grid-template-columns: 9rem 1fr; }
}
@media (min-width: 64rem) {
  .page.with-contents { max-width: 74rem; display: grid; grid-template-columns: 17rem minmax(0, 46rem); column-gap: 4rem; padding-top: 2.5rem; }
  .with-contents > header { grid-column: 2; }
  .with-contents > nav { grid-column: 1; grid-row: 1 / span 2; align-self: start; margin: 0; position: sticky; top: 2.5rem; max-height: calc(100vh - 5rem); overflow-y: auto; }
  .with-contents > main { grid-column: 2; }
}
`
