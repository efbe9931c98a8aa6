// oxlint-disable-next-line import/no-unassigned-import -- it registers what formats mean
import "@hyperjump/json-schema/formats"
import { registerSchema, setShouldValidateFormat, validate } from "@hyperjump/json-schema/openapi-3-1"
import { openApiDocument } from "@user-service/schema/http/OpenApiDocument"
import { Predicate } from "effect"

// Tests reach into the document freely and say by assertions what is there.
// oxlint-disable-next-line typescript/no-explicit-any
type Json = any

/** The document as everyone else reads it. */
const document: Json = JSON.parse(JSON.stringify(openApiDocument))

/** One operation of the API as its document has it. */
export interface Operation {
  readonly id: string
  readonly method: string
  /** With its parameters in braces. */
  readonly path: string
  /** The parameters in the query, each with a value that it takes. */
  readonly query: ReadonlyArray<{ readonly name: string; readonly value: string }>
  /** The names of the parameters in headers. */
  readonly headers: ReadonlyArray<string>
  /** Whether it answers to nobody without an access token. */
  readonly needsToken: boolean
  /** Whether it answers to nobody without a service key. */
  readonly needsKey: boolean
  /** The schema and an example of the body; undefined where it takes none. */
  readonly body: { readonly schema: Json; readonly example: Json; readonly required: boolean } | undefined
  /** An example of the fields of the form; undefined where it takes none. */
  readonly form: Readonly<Record<string, string>> | undefined
  readonly responses: Json
}

const pointer = (...path: ReadonlyArray<string>): string =>
  `#/${path.map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/")}`

/** What a reference stands for; anything else stands for itself. */
export const resolveRef = (node: Json): Json =>
  Predicate.isString(node?.$ref)
    ? node.$ref
        .slice(2)
        .split("/")
        .reduce((at: Json, part: string) => at[part], document)
    : node

const parametersIn = (operation: Json, place: string): ReadonlyArray<Json> =>
  operation.parameters.map(resolveRef).filter((parameter: Json) => parameter.in === place)

// The requests of these tests are those of users, to whom the operations of staff do not exist (see test/admin/Roles.test.ts).
const isForUsers = (path: string): boolean => !path.startsWith("/api/v1/admin/")

export const operations: ReadonlyArray<Operation> = Object.entries<Json>(document.paths).flatMap(([path, item]) =>
  Object.entries<Json>(isForUsers(path) ? item : {}).map(([method, operation]) => {
    const body = operation.requestBody?.content["application/json"]
    return {
      id: operation.operationId,
      method: method.toUpperCase(),
      path,
      query: parametersIn(operation, "query").map(({ name, schema }) => ({ name, value: schema.enum?.[0] ?? "1" })),
      headers: parametersIn(operation, "header").map(({ name }) => name),
      needsToken: JSON.stringify(operation.security) === `[{"bearer":[]}]`,
      needsKey: JSON.stringify(operation.security) === `[{"apiKey":[]}]`,
      body: body && {
        schema: resolveRef(body.schema),
        example: body.example,
        required: operation.requestBody.required
      },
      form: operation.requestBody?.content["application/x-www-form-urlencoded"]?.example,
      responses: operation.responses
    }
  })
)

const withoutFormats = (node: Json): Json =>
  Array.isArray(node)
    ? node.map(withoutFormats)
    : Predicate.isObject(node)
      ? Object.fromEntries(
          Object.entries(node).flatMap(([key, value]) =>
            key === "format" && Predicate.isString(value) ? [] : [[key, withoutFormats(value)]]
          )
        )
      : node

const dialect = "https://spec.openapis.org/oas/3.1/dialect/base"
const answers = "https://user-service.example/answers"
const requests = "https://user-service.example/requests"
setShouldValidateFormat(true)
registerSchema(document, answers, dialect)
// What is sent need not be in the form that it is kept in: an address may have white space around it.
registerSchema(withoutFormats(document), requests, dialect)

type IsValid = (value: Json) => boolean

const compiled = new Map<string, Promise<IsValid>>()

const validator = (address: string): Promise<IsValid> => {
  const known = compiled.get(address)
  if (known !== undefined) return known
  const made = validate(address).then(
    (check): IsValid =>
      (value) =>
        check(value).valid
  )
  compiled.set(address, made)
  return made
}

/** Whether the value is a body that the operation takes, as far as its schema says. */
export const takes = async ({ method, path }: Operation, value: Json): Promise<boolean> => {
  const isValid = await validator(
    requests + pointer("paths", path, method.toLowerCase(), "requestBody", "content", "application/json", "schema")
  )
  return isValid(value)
}

/** A response of the document, and where in it that stands. */
interface Declared {
  readonly response: Json
  readonly at: string
}

/** What the document says of this status of the operation, if anything. */
export const declaredOf = ({ method, path, responses }: Operation, status: number): Declared | undefined => {
  const declared = responses[status]
  if (declared === undefined) return undefined
  return {
    response: resolveRef(declared),
    at: declared.$ref ?? pointer("paths", path, method.toLowerCase(), "responses", String(status))
  }
}

/** Every status that some answer is declared with. */
export const statuses: ReadonlySet<number> = new Set([
  ...operations.flatMap(({ responses }) => Object.keys(responses).map(Number)),
  403,
  404,
  405
])

/** What the document says of an answer that no operation gives: no such route, no such method, not this host. */
export const declaredBeforeOperations = (status: number): Declared | undefined => {
  if (![403, 404, 405].includes(status)) return undefined
  const { Forbidden } = document.components.responses
  return {
    // The introduction of the document tells of 404 and 405 in words: they are in the same envelope.
    response: status === 405 ? { ...Forbidden, headers: { ...Forbidden.headers, Allow: {} } } : Forbidden,
    at: pointer("components", "responses", "Forbidden")
  }
}

/** Whether the value is a body that the response is declared with. */
export const conforms = async ({ at }: Declared, contentType: string, value: Json): Promise<boolean> => {
  const isValid = await validator(`${answers}${at}/content/${pointer(contentType).slice(2)}/schema`)
  return isValid(value)
}
