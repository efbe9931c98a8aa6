import { Schema } from "effect"

/** A part of a list that is read by keys, without a total. `nextCursor` is null at the end of the list. */
export interface CursorPage<A> {
  readonly items: ReadonlyArray<A>
  readonly nextCursor: string | null
}

/** The cursor is malformed, or belongs to a list with another filter or order. */
export class CursorInvalid extends Schema.TaggedError<CursorInvalid>()("CursorInvalid", {}, { httpApiStatus: 422 }) {
  override get message() {
    return "Enter the next_cursor of a page of the same list."
  }
}
