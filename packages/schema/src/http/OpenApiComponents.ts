/** A reference to an object under `components`. */
export interface Ref {
  readonly $ref: string
}

const header = (description: string, example: string) => ({
  description,
  required: true,
  schema: { type: "string" },
  example
})

/** The response headers. */
export const headers = {
  "Cache-Control": header("How long the response may be cached (RFC 9111).", "public, max-age=300"),
  ETag: header("The version of the preferences, as a strong entity tag (RFC 9110, section 8.8.3).", '"7"'),
  RateLimit: header(
    "The remaining requests, and the seconds until the limit resets (draft-ietf-httpapi-ratelimit-headers).",
    '"login-account";r=0;t=42'
  ),
  "RateLimit-Policy": header(
    "The limit, and its window in seconds (draft-ietf-httpapi-ratelimit-headers).",
    '"login-account";q=10;w=300'
  ),
  "Retry-After": {
    description: "The seconds to wait before a retry (RFC 9110, section 10.2.3).",
    required: true,
    schema: { type: "integer", minimum: 0 },
    example: 42
  },
  "WWW-Authenticate": header("How to authenticate (RFC 6750, section 3).", 'Bearer realm="user-service"'),
  "X-Request-Id": header(
    "The id of the request, from its own header or generated. It is in the log too.",
    "3f0b6c1e-7c44-4c57-9b21-8f3a2e5d9a10"
  )
}

/** The parameters that several operations take. */
export const parameters = {
  page: {
    name: "page",
    in: "query",
    description: "The number of the page. A page past the end is empty.",
    schema: { type: "integer", minimum: 1, default: 1 }
  },
  limit: {
    name: "limit",
    in: "query",
    description: "The number of items per page.",
    schema: { type: "integer", minimum: 1, maximum: 100, default: 10 }
  },
  user_id: {
    name: "user_id",
    in: "query",
    description: "The id of the user whom the entries are about.",
    schema: { type: "string", format: "uuid" }
  },
  actor_id: {
    name: "actor_id",
    in: "query",
    description: "The id of the account that acted.",
    schema: { type: "string", format: "uuid" }
  },
  from: {
    name: "from",
    in: "query",
    description: "The earliest time.",
    schema: { type: "string", format: "date-time" }
  },
  to: {
    name: "to",
    in: "query",
    description: "The end of the time: what happened then or later is left out.",
    schema: { type: "string", format: "date-time" }
  },
  "Idempotency-Key": {
    name: "Idempotency-Key",
    in: "header",
    description:
      "A key that the client chooses, such as a UUID: 1 to 255 printable ASCII characters, bare or as a quoted string (both " +
      "are the same key). A retry with the same key and body has no second effect " +
      "(draft-ietf-httpapi-idempotency-key-header). Only registration takes the header; all other operations ignore it.",
    schema: { type: "string", minLength: 1 },
    example: "8e03978e-40d5-43dd-bc93-6894a57f9324"
  },
  "If-Match": {
    name: "If-Match",
    in: "header",
    description:
      "Entity tags, or `*`: update only if the current version matches one of them (RFC 9110, section 13.1.1).",
    schema: { type: "string" },
    example: '"7"'
  },
  "If-None-Match": {
    name: "If-None-Match",
    in: "header",
    description:
      "Entity tags, or `*`: read or update only if the current version matches none of them (RFC 9110, section 13.1.2).",
    schema: { type: "string" },
    example: '"7"'
  }
}

/** Security schemes that no middleware declares. */
export const securitySchemes = {
  metrics: { type: "http", scheme: "bearer", description: "`METRICS_TOKEN`, if the operator has set it." }
} as const

const nameIn = (components: Readonly<Record<string, unknown>>, name: string): string | undefined =>
  Object.keys(components).find((key) => key.toLowerCase() === name.toLowerCase())

/** References to the headers with these names. */
export const headerRefs = (names: ReadonlyArray<string>): Readonly<Record<string, Ref>> =>
  Object.fromEntries(
    names.flatMap((name) => {
      const known = nameIn(headers, name)
      return known === undefined ? [] : [[known, { $ref: `#/components/headers/${known}` }]]
    })
  )

/** A reference to the parameter with this name, if it is shared. */
export const parameterRef = (name: string): Ref | undefined => {
  const known = nameIn(parameters, name)
  return known === undefined ? undefined : { $ref: `#/components/parameters/${known}` }
}
