import type { PageRequest } from "@user-service/domain/Page"
import { Schema, SchemaGetter, SchemaTransformation } from "effect"
import { Count } from "./Count.ts"

/** The `meta` of a response without a list. */
export const noPage = { total: 0, limit: 10, page: 1, total_pages: 0, has_next: false, has_previous: false }

/** The page of a list, or {@link noPage} in other responses. */
export const Meta = Schema.Struct({
  total: Count,
  limit: Count,
  page: Count,
  total_pages: Count,
  has_next: Schema.Boolean,
  has_previous: Schema.Boolean
}).annotate({
  identifier: "Meta",
  description: "The page of a list, and the number of items in the whole list. Constant in other responses.",
  examples: [noPage]
})

/** The `meta` of one page of a list with `total` items. */
export const pageMeta = (request: PageRequest, total: number): typeof Meta.Type => {
  const totalPages = Math.ceil(total / request.limit)
  return {
    total,
    limit: request.limit,
    page: request.page,
    total_pages: totalPages,
    has_next: request.page < totalPages,
    has_previous: request.page > 1
  }
}

const envelope = <A, I>(message: string, data: Schema.Codec<A, I>, examples: ReadonlyArray<A>, meta = noPage) =>
  Schema.Struct({
    success: Schema.Literal(true),
    message: Schema.Literal(message),
    data,
    error: Schema.Null,
    meta: Meta
  }).annotate({ examples: examples.map((data) => ({ success: true, message, data, error: null, meta })) })

const examplesOf = <A, I>(schema: Schema.Codec<A, I>): ReadonlyArray<A> =>
  Schema.resolveAnnotations(schema)?.examples ?? []

/** The envelope of a success. Handlers return the data; `message` is constant for the route. */
export const success = <A, I>(message: string, data: Schema.Codec<A, I>) =>
  envelope(message, data, examplesOf(data)).pipe(
    Schema.decodeTo(
      Schema.toType(data),
      SchemaTransformation.transform({
        decode: (body) => body.data,
        encode: (value) => ({ success: true as const, message, data: value, error: null, meta: noPage })
      })
    ),
    Schema.annotate({ description: message })
  )

/** The result of a list handler: the items of one page, the number of items in all, and the requested page. */
export interface PageOf<A> {
  readonly items: ReadonlyArray<A>
  readonly total: number
  readonly request: PageRequest
}

/** The envelope of one page of a list. */
export const successPage = <A, I>(message: string, item: Schema.Codec<A, I>) =>
  envelope(
    message,
    Schema.Array(item),
    [examplesOf(item)],
    pageMeta({ page: 1, limit: 10 }, examplesOf(item).length)
  ).pipe(
    Schema.decodeTo(
      Schema.declare((value: unknown): value is PageOf<A> => typeof value === "object" && value !== null),
      {
        decode: SchemaGetter.transform(({ data, meta }) => ({
          items: data,
          total: meta.total,
          request: { page: meta.page, limit: meta.limit }
        })),
        encode: SchemaGetter.transform(({ items, request, total }) => ({
          success: true as const,
          message,
          data: items,
          error: null,
          meta: pageMeta(request, total)
        }))
      }
    ),
    Schema.annotate({ description: message })
  )

/** The result of a list handler that continues by cursor: the items of one page, and the cursor of the next page if there is one. */
export interface CursorPageOf<A> {
  readonly items: ReadonlyArray<A>
  readonly nextCursor: string | null
}

const CursorMeta = Schema.Struct({
  ...Meta.fields,
  next_cursor: Schema.NullOr(Schema.String).annotateKey({
    description: "The `cursor` of the next page. Null on the last page."
  })
}).annotate({
  identifier: "CursorMeta",
  description: "Where a list continues. The other fields are constant.",
  examples: [{ ...noPage, next_cursor: "WyIyMDI2LTExLTI0VDEwOjAyOjAwLjAwMFoiXQ" }]
})

/** The envelope of one page of a list that continues by cursor. */
export const successCursorPage = <A, I>(message: string, item: Schema.Codec<A, I>) =>
  Schema.Struct({
    success: Schema.Literal(true),
    message: Schema.Literal(message),
    data: Schema.Array(item),
    error: Schema.Null,
    meta: CursorMeta
  })
    .annotate({
      examples: [
        { success: true, message, data: examplesOf(item), error: null, meta: { ...noPage, next_cursor: null } }
      ]
    })
    .pipe(
      Schema.decodeTo(
        Schema.declare((value: unknown): value is CursorPageOf<A> => typeof value === "object" && value !== null),
        {
          decode: SchemaGetter.transform(({ data, meta }) => ({ items: data, nextCursor: meta.next_cursor })),
          encode: SchemaGetter.transform(({ items, nextCursor }) => ({
            success: true as const,
            message,
            data: items,
            error: null,
            meta: { ...noPage, next_cursor: nextCursor }
          }))
        }
      ),
      Schema.annotate({ description: message })
    )

/** The stable, machine-readable code of a failure. */
export const FailureCode = Schema.Literals([
  "malformed_json",
  "authentication_required",
  "invalid_credentials",
  "token_invalid",
  "token_expired",
  "forbidden",
  "not_found",
  "method_not_allowed",
  "conflict",
  "precondition_failed",
  "payload_too_large",
  "unsupported_media_type",
  "validation_failed",
  "idempotency_key_reused",
  "rate_limited",
  "service_unavailable",
  "internal_error"
])
export type FailureCode = typeof FailureCode.Type

/** The problems of an input, in the shape of the input: messages under each field, and under the index of a list item. */
export type Problems = { readonly [field: string]: ReadonlyArray<string> | Problems }
export const Problems: Schema.Codec<Problems> = Schema.Record(
  Schema.String,
  Schema.Union([Schema.Array(Schema.String), Schema.suspend(() => Problems)])
).annotate({
  identifier: "Problems",
  description:
    "The problems of an input, in its shape: messages under each field, and under `error` if they belong to no field.",
  examples: [{ email: ["Enter a valid email address."], profile: { timezone: ["Enter a valid IANA time zone."] } }]
})

export const Failure = Schema.Struct({
  success: Schema.Literal(false),
  message: Schema.String,
  data: Schema.NullOr(Problems),
  error: Schema.String,
  code: FailureCode,
  meta: Meta
}).annotate({
  identifier: "Failure",
  description: "The envelope of all failures. `data` has the problems of an invalid input, and is null otherwise."
})
export type Failure = typeof Failure.Type

/** The body of a failure. `error` defaults to `message`. */
export const failureBody = (options: {
  readonly code: FailureCode
  readonly message: string
  readonly error?: string
  readonly data?: Problems
}): Failure => ({
  success: false,
  message: options.message,
  data: options.data ?? null,
  error: options.error ?? options.message,
  code: options.code,
  meta: noPage
})
