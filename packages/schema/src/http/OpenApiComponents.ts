/** What the document describes once, under `components`, and names wherever it belongs. */
export interface Ref {
  readonly $ref: string
}

const header = (description: string, example: string) => ({
  description,
  required: true,
  schema: { type: "string" },
  example
})

/** The headers of answers. */
export const headers = {
  "Cache-Control": header("How long the answer may be kept (RFC 9111).", "public, max-age=300"),
  ETag: header("The version of the preferences, a strong entity tag (RFC 9110, section 8.8.3).", '"7"'),
  RateLimit: header(
    "What is left of the limit, and in how many seconds it is whole again (draft-ietf-httpapi-ratelimit-headers).",
    '"login-account";r=0;t=42'
  ),
  "RateLimit-Policy": header(
    "How many attempts are allowed in how many seconds (draft-ietf-httpapi-ratelimit-headers).",
    '"login-account";q=10;w=300'
  ),
  "Retry-After": {
    description: "In how many seconds to try again (RFC 9110, section 10.2.3).",
    required: true,
    schema: { type: "integer", minimum: 0 },
    example: 42
  },
  "WWW-Authenticate": header("How to authenticate (RFC 6750, section 3).", 'Bearer realm="user-service"'),
  "X-Request-Id": header(
    "The id that the request came with, or the one made for it; log lines have it too.",
    "3f0b6c1e-7c44-4c57-9b21-8f3a2e5d9a10"
  )
}

/** The parameters that several operations take. */
export const parameters = {
  page: {
    name: "page",
    in: "query",
    description: "Which page of the list; one past its end is empty.",
    schema: { type: "integer", minimum: 1, default: 1 }
  },
  limit: {
    name: "limit",
    in: "query",
    description: "How many items a page has.",
    schema: { type: "integer", minimum: 1, maximum: 100, default: 10 }
  },
  "If-Match": {
    name: "If-Match",
    in: "header",
    description: "Entity tags, or `*` for any: update only what still has one of them (RFC 9110, section 13.1.1).",
    schema: { type: "string" },
    example: '"7"'
  },
  "If-None-Match": {
    name: "If-None-Match",
    in: "header",
    description: "Entity tags, or `*` for any: read, or update, only what has none of them (RFC 9110, section 13.1.2).",
    schema: { type: "string" },
    example: '"7"'
  }
}

/** The ways to authenticate that no endpoint brings with it. */
export const securitySchemes = {
  metrics: { type: "http", scheme: "bearer", description: "`METRICS_TOKEN`, where the operator has set one." }
} as const

const nameIn = (components: Readonly<Record<string, unknown>>, name: string): string | undefined =>
  Object.keys(components).find((key) => key.toLowerCase() === name.toLowerCase())

/** Where the headers of these names are described. */
export const headerRefs = (names: ReadonlyArray<string>): Readonly<Record<string, Ref>> =>
  Object.fromEntries(
    names.flatMap((name) => {
      const known = nameIn(headers, name)
      return known === undefined ? [] : [[known, { $ref: `#/components/headers/${known}` }]]
    })
  )

/** Where the parameter of this name is described; none where it belongs to its operation alone. */
export const parameterRef = (name: string): Ref | undefined => {
  const known = nameIn(parameters, name)
  return known === undefined ? undefined : { $ref: `#/components/parameters/${known}` }
}
