import { Effect, FileSystem, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { existsSync } from "node:fs"
import { createRequire } from "node:module"
import { fileURLToPath } from "node:url"
import { failure } from "../endpoints/Answers.ts"
import { staticStyle } from "./Html.ts"
import { indexPage } from "./IndexPage.ts"
import * as Yaml from "yaml"

const require = createRequire(import.meta.url)

// The bundle ships the browser libraries in `docs/`; the sources take them from their packages.
const locate = (path: string): string => {
  const bundled = new URL(`./docs/${path.split("/").at(-1)}`, import.meta.url)
  return existsSync(bundled) ? fileURLToPath(bundled) : require.resolve(path)
}

// For Swagger UI and ReDoc: no other origin and no inline scripts. Both set inline styles, and ReDoc searches in a worker
// that it loads from a blob.
const pagePolicy = [
  "default-src 'none'",
  "connect-src 'self'",
  "font-src 'self' data:",
  "frame-ancestors 'none'",
  "img-src 'self' data:",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "worker-src 'self' blob:"
].join("; ")

// For the index and the AsyncAPI page, which have no scripts.
const staticPolicy = [
  "default-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "img-src data:",
  "style-src 'self'"
].join("; ")

interface Asset {
  readonly contentType: string
  readonly body: Effect.Effect<Uint8Array | string>
}

const page = (title: string, head: string, body: string, script: string) =>
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/api/docs/assets/page.css">
${head}
</head>
<body>
${body}
<script src="/api/docs/assets/${script}.js"></script>
<script src="/api/docs/assets/${script}-start.js"></script>
</body>
</html>
`

const pages = {
  swagger: page(
    "User Service: Swagger UI",
    `<link rel="stylesheet" href="/api/docs/assets/swagger.css">`,
    `<div id="page"></div>`,
    "swagger"
  ),
  redoc: page("User Service: ReDoc", "", `<div id="page"></div>`, "redoc")
}

const starts = {
  swagger: `SwaggerUIBundle({ url: "/api/schema", dom_id: "#page", deepLinking: true })`,
  redoc: `Redoc.init("/api/schema", {}, document.getElementById("page"))`
}

// No margin, and always a scroll bar, so that the page does not shift when a section expands.
const style = "html { overflow-y: scroll } body { margin: 0 }"

// ReDoc loads its vendor's logo from another host. It shows none if the image is empty.
const withoutLogo = (script: string): string => script.replace(/"https:[^"]*\/logo-mini\.svg"/, '"data:,"')

/**
 * The OpenAPI document as JSON and YAML, the AsyncAPI document as JSON, and pages that show them without loading anything from
 * other hosts. `/` redirects to their index page.
 */
export const DocsHttp = Layer.effectDiscard(
  Effect.gen(function* () {
    const router = yield* HttpRouter.HttpRouter
    const files = yield* FileSystem.FileSystem

    // Documents are built, and assets read, on their first request: until then they cost neither time nor memory.
    const openApiModule = Effect.promise(() => import("@user-service/schema/http/OpenApiDocument"))
    const json = yield* Effect.cached(
      Effect.map(openApiModule, ({ openApiDocument }) => JSON.stringify(openApiDocument))
    )
    const yaml = yield* Effect.cached(
      Effect.map(openApiModule, ({ openApiDocument }) =>
        Yaml.stringify(openApiDocument, { aliasDuplicateObjects: false })
      )
    )
    const asyncApiModule = Effect.promise(() => import("@user-service/schema/amqp/AsyncApiDocument"))
    const asyncApi = yield* Effect.cached(
      Effect.map(asyncApiModule, ({ asyncApiDocument }) => JSON.stringify(asyncApiDocument))
    )
    const asyncApiHtml = yield* Effect.cached(
      Effect.map(
        Effect.all([asyncApiModule, Effect.promise(() => import("./AsyncApiPage.ts"))]),
        ([{ asyncApiDocument }, { asyncApiPage }]) => asyncApiPage(asyncApiDocument)
      )
    )
    const readAsset = (path: string) => Effect.cached(Effect.orDie(files.readFile(locate(path))))
    const redoc = Effect.map(
      Effect.orDie(files.readFileString(locate("redoc/bundles/redoc.standalone.js"))),
      (script) => new TextEncoder().encode(withoutLogo(script))
    )
    const assets: Record<string, Asset> = {
      "swagger.js": { contentType: "text/javascript", body: yield* readAsset("swagger-ui-dist/swagger-ui-bundle.js") },
      "swagger.css": { contentType: "text/css", body: yield* readAsset("swagger-ui-dist/swagger-ui.css") },
      "redoc.js": { contentType: "text/javascript", body: yield* Effect.cached(redoc) },
      "docs.css": { contentType: "text/css", body: Effect.succeed(staticStyle) },
      "page.css": { contentType: "text/css", body: Effect.succeed(style) },
      "swagger-start.js": { contentType: "text/javascript", body: Effect.succeed(starts.swagger) },
      "redoc-start.js": { contentType: "text/javascript", body: Effect.succeed(starts.redoc) }
    }

    const showPage = (html: string, policy = pagePolicy) =>
      HttpServerResponse.text(html, {
        contentType: "text/html; charset=utf-8",
        headers: { "content-security-policy": policy }
      })
    const showAsset = Effect.fnUntraced(function* () {
      const { file = "" } = yield* HttpRouter.params
      const asset = Object.hasOwn(assets, file) ? assets[file] : undefined
      if (asset === undefined) return failure(404, "not_found", "No such file")
      const body = yield* asset.body
      const options = {
        contentType: `${asset.contentType}; charset=utf-8`,
        headers: { "cache-control": "max-age=3600" }
      }
      return typeof body === "string"
        ? HttpServerResponse.text(body, options)
        : HttpServerResponse.uint8Array(body, options)
    })

    const showText = (text: Effect.Effect<string>, contentType: string) =>
      Effect.map(text, (body) => HttpServerResponse.text(body, { contentType }))

    yield* router.add("GET", "/api/schema", showText(json, "application/json"))
    yield* router.add("GET", "/api/schema.yml", showText(yaml, "application/yaml; charset=utf-8"))
    yield* router.add("GET", "/api/asyncapi", showText(asyncApi, "application/json"))
    yield* router.add("GET", "/", HttpServerResponse.redirect("/api/docs"))
    yield* router.add("GET", "/api/docs", showPage(indexPage, staticPolicy))
    yield* router.add(
      "GET",
      "/api/docs/asyncapi",
      Effect.map(asyncApiHtml, (html) => showPage(html, staticPolicy))
    )
    yield* router.add("GET", "/api/docs/swagger", showPage(pages.swagger))
    yield* router.add("GET", "/api/docs/redoc", showPage(pages.redoc))
    yield* router.add("GET", "/api/docs/assets/:file", showAsset())
  })
)
