import { inline, staticPage } from "./Html.ts"

interface Entry {
  readonly href: string
  readonly title: string
  readonly text: string
}

const http: ReadonlyArray<Entry> = [
  {
    href: "/api/docs/swagger",
    title: "Swagger UI",
    text: "Read the HTTP API and try it out."
  },
  { href: "/api/docs/redoc", title: "ReDoc", text: "Read and search the HTTP API on one page." },
  {
    href: "/api/docs/asyncapi",
    title: "Messages",
    text: "The RabbitMQ messages: user events, which the service publishes, and notification statuses, which it consumes."
  }
]

const documents: ReadonlyArray<Entry> = [
  { href: "/api/schema", title: "OpenAPI 3.1, as JSON", text: "The HTTP API, for client and test generators." },
  { href: "/api/schema.yml", title: "OpenAPI 3.1, as YAML", text: "The same document." },
  {
    href: "/api/asyncapi",
    title: "AsyncAPI 3.0, as JSON",
    text: "The messages, for code generators and API catalogues."
  },
  { href: "/.well-known/jwks.json", title: "JSON Web Key Set", text: "The public keys that verify access tokens." }
]

const card = ({ href, text, title }: Entry): string => `<li><h2><a href="${href}">${title}</a></h2>
<p>${inline(text)}</p></li>`

const row = ({ href, text, title }: Entry): string => `<li><a href="${href}">${title}</a>
<p class="soft">${inline(text)}</p></li>`

/** The start page of the documentation. */
export const indexPage = staticPage({
  title: "User Service: documentation",
  body: `<main class="page" id="content">
<h1>User Service</h1>
<p>Accounts, notification preferences and push tokens of users.</p>
<ul class="cards">
${http.map(card).join("\n")}
</ul>
<h2>For machines</h2>
<ul class="fields">
${documents.map(row).join("\n")}
</ul>
</main>`
})
