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
    text: "The HTTP API, to read and to try out with requests of your own."
  },
  { href: "/api/docs/redoc", title: "ReDoc", text: "The HTTP API on one page, to read and to search." },
  {
    href: "/api/docs/asyncapi",
    title: "Messages",
    text: "What the service publishes to RabbitMQ and takes in from there: events of users, and the status of notifications."
  }
]

const documents: ReadonlyArray<Entry> = [
  { href: "/api/schema", title: "OpenAPI 3.1, as JSON", text: "The HTTP API, for generators of clients and tests." },
  { href: "/api/schema.yml", title: "OpenAPI 3.1, as YAML", text: "The same document." },
  { href: "/api/asyncapi", title: "AsyncAPI 3.0, as JSON", text: "The messages, for generators and catalogues." },
  { href: "/.well-known/jwks.json", title: "JSON Web Key Set", text: "The keys to check access tokens with." }
]

const card = ({ href, text, title }: Entry): string => `<li><h2><a href="${href}">${title}</a></h2>
<p>${inline(text)}</p></li>`

const row = ({ href, text, title }: Entry): string => `<li><a href="${href}">${title}</a>
<p class="soft">${inline(text)}</p></li>`

/** Where the documentation begins. */
export const indexPage = staticPage({
  title: "User Service: documentation",
  body: `<main class="page" id="content">
<h1>User Service</h1>
<p>Who a user is, how they want to be reached, and where.</p>
<ul class="cards">
${http.map(card).join("\n")}
</ul>
<h2>For machines</h2>
<ul class="fields">
${documents.map(row).join("\n")}
</ul>
</main>`
})
