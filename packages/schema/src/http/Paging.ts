import type { PageRequest } from "@user-service/domain/Page"
import { Schema, SchemaTransformation } from "effect"

const count = (maximum: number, message: string) =>
  Schema.String.check(Schema.isPattern(/^[0-9]{1,15}$/u, { message })).pipe(
    Schema.decodeTo(
      Schema.Int.check(Schema.isBetween({ minimum: 1, maximum }, { message })),
      SchemaTransformation.transform({ decode: Number, encode: String })
    )
  )

/** The query of a paged list. */
export const PagingQuery = {
  page: Schema.optionalKey(count(999_999_999_999_999, "Must be an integer of at least 1.")),
  limit: Schema.optionalKey(count(100, "Must be an integer between 1 and 100."))
}

/** The number of items of a page whose request names none. */
export const defaultLimit = 10

/** The query of a list that continues by cursor. */
export const CursorQuery = {
  limit: PagingQuery.limit,
  cursor: Schema.optionalKey(Schema.String.annotateKey({ description: "The `next_cursor` of the previous page." }))
}

/** The query with its defaults. */
export const pageRequest = (query: { readonly page?: number; readonly limit?: number }): PageRequest => ({
  page: query.page ?? 1,
  limit: query.limit ?? defaultLimit
})
