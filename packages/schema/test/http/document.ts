import { openApiDocument } from "@user-service/schema/http/OpenApiDocument"
import { Predicate } from "effect"

// Tests reach into the document freely and say by assertions what is there.
// oxlint-disable-next-line typescript/no-explicit-any
type Json = any

/** The document as everyone else reads it. */
export const document: Json = JSON.parse(JSON.stringify(openApiDocument))

/** One operation, and where in the document it stands. */
export interface Operation {
  readonly id: string
  readonly path: ReadonlyArray<string>
  readonly operation: Json
}

export const operations: ReadonlyArray<Operation> = Object.entries<Json>(document.paths).flatMap(([path, item]) =>
  Object.entries<Json>(item).map(([method, operation]) => ({
    id: operation.operationId,
    path: ["paths", path, method],
    operation
  }))
)

/** Every value in the document, with the path to it. */
export const walk = function* (
  node: unknown,
  path: ReadonlyArray<string> = []
): Generator<readonly [path: ReadonlyArray<string>, node: unknown]> {
  yield [path, node]
  if (!Predicate.isObjectOrArray(node)) return
  for (const [key, value] of Object.entries(node)) yield* walk(value, [...path, key])
}

/** A JSON Pointer in a fragment (RFC 6901, section 6). */
export const pointer = (path: ReadonlyArray<string>): string =>
  `#/${path.map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/")}`

/** What a reference names; undefined where there is nothing. */
export const resolve = (ref: string): Json =>
  ref
    .slice(2)
    .split("/")
    .map((part) => decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce((node: Json, part) => node?.[part], document)

/** The answer of an operation with this status. */
export const responseOf = ({ operation }: Operation, status: number | string): Json => {
  const response = operation.responses[status]
  return Predicate.hasProperty(response, "$ref") ? resolve(response.$ref as string) : response
}
