import { Schema } from "effect"

/** How many there are of something. */
export const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0))
