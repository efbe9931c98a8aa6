import type { PageRequest } from "@user-service/domain/Page"
import { Schema, SchemaGetter, SchemaTransformation } from "effect"

/** The page of a list; all zeros in every other answer. */
export const Meta = Schema.Struct({
  total: Schema.Int,
  limit: Schema.Int,
  page: Schema.Int,
  total_pages: Schema.Int,
  has_next: Schema.Boolean,
  has_previous: Schema.Boolean
}).annotate({ identifier: "Meta" })

/** `meta` of an answer that is no list. */
export const noPage: typeof Meta.Type = {
  total: 0,
  limit: 0,
  page: 0,
  total_pages: 0,
  has_next: false,
  has_previous: false
}

/** `meta` of one page of a list of `total` items. */
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

const successFields = <A, I>(message: string, data: Schema.Codec<A, I>) => ({
  success: Schema.Literal(true),
  message: Schema.Literal(message),
  data,
  error: Schema.Null,
  meta: Meta
})

/** The envelope of a success. Handlers answer the data; `message` is the route's fixed text. */
export const success = <A, I>(message: string, data: Schema.Codec<A, I>) =>
  Schema.Struct(successFields(message, data)).pipe(
    Schema.decodeTo(
      Schema.toType(data),
      SchemaTransformation.transform({
        decode: (envelope) => envelope.data,
        encode: (value) => ({ success: true as const, message, data: value, error: null, meta: noPage })
      })
    )
  )

/** What a list handler answers: one page's items, what was asked for, and how many there are in all. */
export interface PageOf<A> {
  readonly items: ReadonlyArray<A>
  readonly total: number
  readonly request: PageRequest
}

/** The envelope of one page of a list. */
export const successPage = <A, I>(message: string, item: Schema.Codec<A, I>) =>
  Schema.Struct(successFields(message, Schema.Array(item))).pipe(
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
    )
  )

/** The stable machine word of a failure. */
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
  "rate_limited",
  "service_unavailable",
  "internal_error"
])
export type FailureCode = typeof FailureCode.Type

/** The problems of an input, in the shape of the input: sentences under each field, items of a list under their index. */
export type Problems = { readonly [field: string]: ReadonlyArray<string> | Problems }
export const Problems: Schema.Codec<Problems> = Schema.Record(
  Schema.String,
  Schema.Union([Schema.Array(Schema.String), Schema.suspend(() => Problems)])
).annotate({ identifier: "Problems" })

/** The envelope of a failure, whatever its status. `data` is null but for the problems of an input. */
export const Failure = Schema.Struct({
  success: Schema.Literal(false),
  message: Schema.String,
  data: Schema.NullOr(Problems),
  error: Schema.String,
  code: FailureCode,
  meta: Meta
}).annotate({ identifier: "Failure" })
export type Failure = typeof Failure.Type

/** A failure's body from what differs. */
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
