import { assert, describe, expect, it } from "@effect/vitest"
// oxlint-disable-next-line import/no-unassigned-import -- it registers what formats mean
import "@hyperjump/json-schema/formats"
import { registerSchema, setShouldValidateFormat, validate } from "@hyperjump/json-schema/openapi-3-1"
import { StaffAuthentication } from "@user-service/schema/http/admin/StaffAuthentication"
import { Authentication } from "@user-service/schema/http/Authentication"
import { IsProbe } from "@user-service/schema/http/RouteFacts"
import { ServiceKey } from "@user-service/schema/http/ServiceKey"
import { AllRoutesApi } from "@user-service/schema/http/AllRoutesApi"
import { Context, Exit, Predicate, Schema } from "effect"
import { HttpApi, HttpApiSchema, OpenApi } from "effect/http-api"
import { document, type Operation, operations, pointer, resolve, responseOf, walk } from "./document.ts"

interface Endpoint {
  readonly id: string
  readonly needsToken: boolean
  readonly needsKey: boolean
  readonly isProbe: boolean
  readonly payloads: ReadonlyArray<Schema.Top>
  readonly successes: ReadonlyArray<readonly [status: number, schema: Schema.Top]>
  readonly errors: ReadonlyArray<readonly [status: number, name: string | undefined]>
}

const endpoints: Array<Endpoint> = []
HttpApi.reflect(AllRoutesApi, {
  onGroup: () => undefined,
  onEndpoint: ({ endpoint, errors, mergedAnnotations, middleware, successes }) => {
    endpoints.push({
      id: Context.getUnsafe(endpoint.annotations, OpenApi.Identifier),
      needsToken: Array.from(middleware, ({ key }) => key).some(
        (key) => key === Authentication.key || key === StaffAuthentication.key
      ),
      needsKey: Array.from(middleware, ({ key }) => key).includes(ServiceKey.key),
      isProbe: Context.get(mergedAnnotations, IsProbe),
      payloads: [...endpoint.payload.values()].flatMap(({ schemas }) => schemas),
      successes: Array.from(successes).flatMap(([status, schemas]) =>
        schemas.map((schema) => [status, schema] as const)
      ),
      errors: Array.from(errors).flatMap(([status, schemas]) =>
        schemas.map((schema) => [status, Schema.resolveAnnotations(schema)?.identifier] as const)
      )
    })
  }
})

// Whether the schema takes the value. A reflected schema does not say what decoding it needs; none of ours needs anything.
const takes = (schema: Schema.Top, value: unknown): boolean =>
  Exit.isSuccess(Schema.decodeUnknownExit(schema as Schema.Codec<unknown, unknown>)(value))

// All of their responses are HTML.
const pages = new Set(["showUnsubscribePage", "changeByLink"])

const address = "https://user-service.example/openapi"
setShouldValidateFormat(true)
registerSchema(document, address, "https://spec.openapis.org/oas/3.1/dialect/base")

// That the example of a body is one by the JSON Schema beside it.
const assertExample = async (path: ReadonlyArray<string>, body: { readonly example?: unknown }): Promise<void> => {
  assert.property(body, "example", `${path.join(" ")} has an example`)
  const output = await validate(address + pointer([...path, "schema"]), body.example as string, "BASIC")
  assert.deepStrictEqual(output, { valid: true })
}

describe("the OpenAPI document", () => {
  it("equals the reviewed snapshot", async () => {
    await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot("../openapi.snapshot.json")
  })

  it("is valid OpenAPI 3.1, including the schemas", async () => {
    const output = await validate("https://spec.openapis.org/oas/3.1/schema-base", document, "BASIC")
    assert.deepStrictEqual(output, { valid: true })
  })

  it("every reference resolves, and every component is used", () => {
    const refs = Array.from(walk(document)).flatMap(([path, node]) => (path.at(-1) === "$ref" ? [String(node)] : []))
    assert.deepStrictEqual(
      refs.filter((ref) => resolve(ref) === undefined),
      []
    )
    const components = ["headers", "parameters", "responses", "schemas"].flatMap((kind) =>
      Object.keys(document.components[kind]).map((name) => pointer(["components", kind, name]))
    )
    assert.deepStrictEqual(
      components.filter((component) => !refs.includes(component)),
      []
    )
    const schemes = new Set(operations.flatMap(({ operation }) => operation.security.flatMap(Object.keys)))
    assert.sameMembers([...schemes], Object.keys(document.components.securitySchemes))
  })

  it("has every endpoint once, with a unique id", () => {
    const ids = operations.map(({ id }) => id)
    assert.deepStrictEqual(ids.toSorted(), endpoints.map(({ id }) => id).toSorted())
    assert.strictEqual(new Set(ids).size, ids.length)
    for (const id of ids) assert.match(id, /^[a-z][A-Za-z]+$/)
  })

  it("names the root of its own host as the only server", () => {
    assert.deepStrictEqual(
      document.servers.map(({ url }: { readonly url: string }) => url),
      ["/"]
    )
  })

  it("has a description for every tag, and a tag for every operation", () => {
    const described = document.tags.flatMap((tag: { readonly name: string; readonly description?: string }) =>
      tag.description === undefined ? [] : [tag.name]
    )
    assert.sameMembers([...new Set(operations.flatMap(({ operation }) => operation.tags))], described)
    assert.lengthOf(document.tags, described.length)
  })

  it("has a description for every schema with a name, and for every parameter", () => {
    const undescribed = Array.from(walk(document)).flatMap(([path, node]) => {
      const isNamed = path.length === 3 && path[0] === "components"
      const isParameter = path.at(-2) === "parameters" && !Predicate.hasProperty(node, "$ref")
      const text = Predicate.hasProperty(node, "description") ? node.description : undefined
      return (isNamed || isParameter) && (!Predicate.isString(text) || text.length < 10) ? [pointer(path)] : []
    })
    assert.deepStrictEqual(undescribed, [])
  })

  it("states that every path works with and without a slash at its end", () => {
    assert.include(document.info.description, "Every path answers with and without the slash at its end")
  })

  it("says nothing of fields that are not known: they are ignored, and answers may gain some", () => {
    const closed = Array.from(walk(document)).filter(
      ([path, node]) => path.at(-1) === "additionalProperties" && node === false
    )
    assert.deepStrictEqual(closed, [])
  })
})

describe.each(operations)("$id", (one) => {
  const { id, operation, path } = one
  const endpoint = endpoints.find((endpoint) => endpoint.id === id)
  const statuses = Object.keys(operation.responses)
  const successes = statuses.filter((status) => status < "400")
  const failures = statuses.filter((status) => status >= "400")

  it("has a summary of one line without a full stop", () => {
    assert.match(operation.summary, /^[A-Z].{4,60}[^.]$/)
  })

  it("has a description in sentences that is longer than its summary", () => {
    assert.match(operation.description, /^[A-Z0-9`].{30,}\.$/s)
    assert.notInclude(operation.description, operation.summary)
  })

  it("declares a 4xx failure", () => {
    assert.isNotEmpty(failures.filter((status) => status < "500"))
  })

  it("requires a token if its endpoint does", () => {
    const optional: Record<string, unknown> = { logout: [{ bearer: [] }, {}], getMetrics: [{ metrics: [] }, {}] }
    const needed = [
      ...(endpoint?.needsToken === true ? [{ bearer: [] }] : []),
      ...(endpoint?.needsKey === true ? [{ apiKey: [] }] : [])
    ]
    assert.deepStrictEqual(operation.security, needed.length > 0 ? needed : (optional[id] ?? []))
    for (const scheme of operation.security.flatMap(Object.keys)) {
      assert.property(document.components.securitySchemes, scheme)
    }
  })

  it("has an example of its request body, if it has one", async () => {
    assert.strictEqual(operation.requestBody !== undefined, endpoint?.payloads.length !== 0)
    if (operation.requestBody === undefined) return
    const types = pages.has(id) ? ["application/x-www-form-urlencoded", "multipart/form-data"] : ["application/json"]
    assert.deepStrictEqual(Object.keys(operation.requestBody.content), types)
    for (const type of types) {
      const body = operation.requestBody.content[type]
      await assertExample([...path, "requestBody", "content", type], body)
      assert.isTrue(endpoint?.payloads.some((schema) => takes(schema, body.example)))
    }
    assert.strictEqual(operation.requestBody.required, id !== "logout")
  })

  it("has an example of each success", async () => {
    assert.deepStrictEqual(
      successes,
      Array.from(new Set(endpoint?.successes.map(([status]) => `${status}`))).toSorted()
    )
    for (const [status, schema] of endpoint?.successes ?? []) {
      const response = responseOf(one, status)
      assert.isNotEmpty(response.description)
      for (const [type, body] of Object.entries<{ readonly example?: unknown }>(response.content ?? {})) {
        await assertExample([...path, "responses", `${status}`, "content", type], body)
        assert.isTrue(takes(HttpApiSchema.isWithHeaders(schema) ? schema.schema : schema, body.example))
      }
    }
  })

  it("has an example of each failure, including those of the server itself", async () => {
    const takesBody = operation.requestBody !== undefined
    if (pages.has(id)) {
      assert.deepStrictEqual(failures, endpoint?.errors.map(([status]) => `${status}`).toSorted())
      const ofServer = ["400", "403", ...(takesBody ? ["413", "415"] : []), "500", "503"]
      assert.includeMembers(failures, ofServer)
      for (const status of failures) {
        assert.deepStrictEqual(Object.keys(responseOf(one, status).content), ["text/html; charset=utf-8"])
      }
      return
    }
    const takesInput =
      takesBody ||
      operation.parameters.some(
        (parameter: { readonly $ref?: string; readonly in?: string }) =>
          parameter.in === "query" || parameter.$ref === "#/components/parameters/page"
      )
    // Validation is before whole groups.
    const cannotBe = new Set([...(takesBody ? [] : ["MalformedJson"]), ...(takesInput ? [] : ["InvalidInput"])])
    const expected = [
      ...(endpoint?.errors ?? []).filter(([, name]) => !cannotBe.has(`${name}`)),
      [400, "MalformedRequest"] as const,
      ...(endpoint?.isProbe === true ? [] : [[403, "Forbidden"] as const]),
      ...(takesBody ? [[413, "PayloadTooLarge"] as const, [415, "UnsupportedMediaType"] as const] : []),
      [500, "InternalError"] as const,
      [503, "ServiceUnavailable"] as const
    ].map(([status, name]) => `${status} ${name}`)
    const shown = failures.flatMap((status) =>
      Object.keys(responseOf(one, status).content["application/json"].examples).map((name) => `${status} ${name}`)
    )
    assert.deepStrictEqual(shown.toSorted(), [...new Set(expected)].toSorted())
  })

  it("declares the headers of each response", () => {
    const always: Record<string, ReadonlyArray<string>> = {
      401: ["WWW-Authenticate"],
      412: ["ETag"],
      429: ["RateLimit", "RateLimit-Policy", "Retry-After"],
      503: ["Retry-After"]
    }
    const own: Record<string, ReadonlyArray<string>> = {
      getJwks: ["Cache-Control"],
      getPreferences: ["ETag"],
      replacePreferences: ["ETag"],
      updatePreferences: ["ETag"]
    }
    for (const status of statuses) {
      assert.sameMembers(
        Object.keys(responseOf(one, status).headers),
        ["X-Request-Id", ...(status < "400" ? (own[id] ?? []) : (always[status] ?? []))],
        `of ${status}`
      )
    }
  })

  it("declares no header that is a security requirement", () => {
    for (const parameter of operation.parameters) {
      assert.notMatch(JSON.stringify(parameter), /authorization/i)
    }
  })
})

describe("the failures in the document", () => {
  it.each(Object.entries<Operation["operation"]>(document.components.responses))("%s", async (name, response) => {
    const { examples, schema } = response.content["application/json"]
    assert.deepStrictEqual(schema, { $ref: "#/components/schemas/Failure" })
    assert.strictEqual(Object.keys(examples).join("Or"), name)
    const isFailure = await validate(`${address}#/components/schemas/Failure`)
    for (const { value } of Object.values<Operation["operation"]>(examples)) {
      assert.isTrue(isFailure(value).valid)
      assert.include(response.description, `\`${value.code}\``)
    }
  })
})

describe("rules of the wire outside of the schemas", () => {
  it("page and limit are integers, and other values are refused", async () => {
    const { limit, page } = document.components.parameters
    assert.deepInclude(page.schema, { type: "integer", minimum: 1, default: 1 })
    assert.deepInclude(limit.schema, { type: "integer", minimum: 1, maximum: 100, default: 10 })
    for (const id of ["listSessions", "listPushTokens"]) {
      assert.deepStrictEqual(operations.find((one) => one.id === id)?.operation.parameters, [
        { $ref: "#/components/parameters/page" },
        { $ref: "#/components/parameters/limit" }
      ])
    }
  })

  it("a token is a JWT, and the name of the scheme has its registered spelling", () => {
    assert.deepInclude(document.components.securitySchemes.bearer, {
      type: "http",
      scheme: "bearer",
      bearerFormat: "JWT"
    })
    assert.deepInclude(document.components.securitySchemes.metrics, { type: "http", scheme: "bearer" })
  })

  it("probes accept any host, and no other operation does", () => {
    assert.sameMembers(
      endpoints.filter(({ isProbe }) => isProbe).map(({ id }) => id),
      ["getHealth", "getUsersHealth", "getLiveness", "getReadiness", "getMetrics"]
    )
  })
})
