import { assert, describe, it } from "@effect/vitest"
import { notificationStatus, statusQueue, userService } from "@user-service/broker/Topology"
import { asyncApiDocument } from "@user-service/schema/amqp/AsyncApiDocument"
import { Effect } from "effect"
import * as Yaml from "yaml"
import { assertFailure } from "../Answers.ts"
import { absentId, isOpen, routes } from "../edge/Routes.ts"
import { layerEmbedded, TestApi } from "../TestApi.ts"

// What a page may do, by what it may not: no other host, no inline script, no frame.
const policy = {
  "default-src": "'none'",
  "connect-src": "'self'",
  "font-src": "'self' data:",
  "frame-ancestors": "'none'",
  "img-src": "'self' data:",
  "script-src": "'self'",
  "style-src": "'self' 'unsafe-inline'",
  "worker-src": "'self' blob:"
}

// What our own pages may do besides: nothing but to be styled.
const staticPolicy = {
  "default-src": "'none'",
  "base-uri": "'none'",
  "form-action": "'none'",
  "frame-ancestors": "'none'",
  "img-src": "data:",
  "style-src": "'self'"
}

const directives = (header: string | null) =>
  Object.fromEntries(
    (header ?? "").split(";").map((directive) => {
      const [name = "", ...sources] = directive.trim().split(" ")
      return [name, sources.join(" ")]
    })
  )

it.layer(layerEmbedded(), { excludeTestServices: true })((it) => {
  describe("the OpenAPI document", () => {
    it.effect("is OpenAPI 3.1, with the same content as JSON and as YAML", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const json = yield* send("GET", "/api/schema")
        assert.strictEqual(json.status, 200)
        assert.strictEqual(json.headers.get("content-type"), "application/json")
        assert.match(json.body.openapi, /^3\.1\.\d$/)
        const yaml = yield* send("GET", "/api/schema.yml")
        assert.strictEqual(yaml.status, 200)
        assert.strictEqual(yaml.headers.get("content-type"), "application/yaml; charset=utf-8")
        assert.deepStrictEqual(Yaml.parse(yaml.text), json.body)
      })
    )

    it.effect("has every route of the API with its methods, and states which need a token", () =>
      Effect.gen(function* () {
        const { body } = yield* (yield* TestApi).send("GET", "/api/schema")
        // Each with ids in the place of its parameters.
        const documentedPaths = new Map(
          Object.keys(body.paths).map((path) => [path.replaceAll(/\{\w+\}/g, absentId), path])
        )
        for (const route of routes) {
          const { methods, path } = route
          // What has a format of its own is no part of the API, and an id in it is a parameter.
          if (!path.startsWith("/api/v1/")) continue
          const documented = body.paths[documentedPaths.get(path) ?? ""]
          assert.isDefined(documented, path)
          for (const method of methods) {
            // The path of an item with this id.
            if (/\/(?:deactivate_all|search)\/$/.test(path) && method !== "POST") continue
            const operation = documented[method.toLowerCase()]
            assert.isDefined(operation, `${method} ${path}`)
            const secured = (operation.security ?? []).length > 0
            const open = isOpen(route, method)
            if (!path.endsWith("/logout/")) assert.strictEqual(secured, !open, `${method} ${path}`)
            if (!open) assert.property(operation.responses, "401", `${method} ${path}`)
          }
        }
      })
    )
  })

  describe("the AsyncAPI document", () => {
    it.effect("is served unchanged, without the envelope", () =>
      Effect.gen(function* () {
        const { headers, status, text } = yield* (yield* TestApi).send("GET", "/api/asyncapi")
        assert.strictEqual(status, 200)
        assert.strictEqual(headers.get("content-type"), "application/json")
        assert.deepStrictEqual(JSON.parse(text), JSON.parse(JSON.stringify(asyncApiDocument)))
      })
    )

    it("has the exchanges, keys and queues that the service declares", () => {
      const channels = Object.values(asyncApiDocument.channels)
      const declared = { ...Object.groupBy(userService.exchanges, ({ name }) => name) }
      for (const { address, bindings } of channels) {
        if (bindings.amqp.is === "queue") {
          const { durable, name } = bindings.amqp.queue
          assert.strictEqual(address, name)
          assert.deepInclude(
            userService.queues.map((queue) => ({ name: queue.name, durable: true })),
            { name, durable }
          )
        } else {
          assert.deepStrictEqual(
            declared[bindings.amqp.exchange.name]?.map(({ name, type }) => ({ name, type })),
            [{ name: bindings.amqp.exchange.name, type: bindings.amqp.exchange.type }]
          )
        }
      }
      const heard = channels.filter(
        ({ bindings }) => bindings.amqp.is === "routingKey" && bindings.amqp.exchange.name === notificationStatus.name
      )
      assert.deepStrictEqual(
        heard.map(({ address }) => address.replace("{detail}", "#")),
        statusQueue.bindings.map(({ pattern }) => pattern)
      )
      assert.include(heard[0]?.description, `\`${statusQueue.name}\``)
      assert.include(heard[0]?.description, `more than ${statusQueue.deliveryLimit} times`)
    })
  })

  describe("the pages without a script", () => {
    const pages = ["/api/docs", "/api/docs/asyncapi"]

    it.effect("have a policy that permits styles and nothing else", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        for (const page of pages) {
          const { headers, status, text } = yield* send("GET", page)
          assert.strictEqual(status, 200)
          assert.strictEqual(headers.get("content-type"), "text/html; charset=utf-8")
          assert.deepStrictEqual(directives(headers.get("content-security-policy")), staticPolicy)
          assert.notMatch(text, /https?:\/\/|<script|\son\w+=|\sstyle=|<style/)
          assert.lengthOf(text.match(/<h1/g) ?? [], 1)
        }
      })
    )

    it.effect("have no broken links", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        for (const page of pages) {
          const { text } = yield* send("GET", page)
          const links = [...text.matchAll(/href="([^"]+)"/g)].map(([, link = ""]) => link)
          for (const link of links) {
            if (link.startsWith("#")) assert.include(text, `id="${link.slice(1)}"`)
            else if (!link.startsWith("data:")) assert.strictEqual((yield* send("GET", link)).status, 200, link)
          }
          assert.include(links, "/api/asyncapi")
        }
        const index = yield* send("GET", "/api/docs")
        for (const link of ["swagger", "redoc", "asyncapi"]) assert.include(index.text, `href="/api/docs/${link}"`)
        for (const link of ["/api/schema", "/api/schema.yml"]) assert.include(index.text, `href="${link}"`)
      })
    )

    it.effect("include a page with every message, its fields and an example", () =>
      Effect.gen(function* () {
        const { text } = yield* (yield* TestApi).send("GET", "/api/docs/asyncapi")
        for (const [key, { address }] of Object.entries(asyncApiDocument.channels)) {
          assert.include(text, `<h3 id="${key}"><code>${address}</code></h3>`)
        }
        for (const schema of Object.values(asyncApiDocument.components.schemas)) {
          for (const name of Object.keys(schema["properties"] ?? {})) assert.include(text, `<code>${name}</code>`)
        }
        // What is not in the names: a routing key's variable part, and the bounds of a text.
        assert.include(text, "<dt><code>{detail}</code></dt>")
        assert.include(text, `<code>notification_id</code> <span class="soft">string (1 to 128 characters)</span>`)
        assert.include(text, "&quot;event_type&quot;: &quot;user_registered&quot;")
        assert.notMatch(text, /undefined|\[object|NaN/)
      })
    )
  })

  describe("the documentation pages", () => {
    it.effect("have a policy that permits requests to this server only", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        for (const name of ["swagger", "redoc"]) {
          const { headers, status, text } = yield* send("GET", `/api/docs/${name}`)
          assert.strictEqual(status, 200)
          assert.strictEqual(headers.get("content-type"), "text/html; charset=utf-8")
          assert.deepStrictEqual(directives(headers.get("content-security-policy")), policy)
          assert.strictEqual(headers.get("x-content-type-options"), "nosniff")
          assert.notMatch(text, /https?:\/\//)
          assert.notMatch(text, /<script(?![^>]* src=)|\son\w+=|<style/)
        }
      })
    )

    it.effect("load only existing files, with their media types", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        for (const name of ["swagger", "redoc"]) {
          const { text } = yield* send("GET", `/api/docs/${name}`)
          const links = [...text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, link = ""]) => link)
          const own = links.filter((link) => !link.startsWith("data:"))
          assert.isAtLeast(own.length, 2)
          for (const link of own) {
            const asset = yield* send("GET", link)
            assert.strictEqual(asset.status, 200, link)
            assert.strictEqual(
              asset.headers.get("content-type"),
              `text/${link.endsWith(".css") ? "css" : "javascript"}; charset=utf-8`,
              link
            )
            assert.strictEqual(asset.headers.get("cache-control"), "max-age=3600", link)
            assert.isAbove(asset.text.length, 20, link)
          }
          const start = yield* send("GET", `/api/docs/assets/${name}-start.js`)
          assert.include(start.text, `"/api/schema"`)
        }
      })
    )

    it.effect("do not serve other files", () =>
      Effect.gen(function* () {
        const { send } = yield* TestApi
        const answerTo = (name: string) => send("GET", `/api/docs/assets/${name}`)
        for (const name of ["x.js", "swagger", "SWAGGER.JS", "..%2fpackage.json", "__proto__", "constructor", "%00"]) {
          assertFailure(yield* answerTo(name), 404, "not_found", "No such file")
        }
        // A path has one spelling: a dot that is percent-encoded belongs to none.
        assertFailure(yield* answerTo("%2e%2e%2fx"), 404, "not_found", "No such route")
      })
    )
  })
})
