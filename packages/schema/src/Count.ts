import { Schema } from "effect"

/** A number of items. */
export const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
