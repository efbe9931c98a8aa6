import { DateTime, Schema } from "effect"

/** A time on the wire: RFC 3339 in UTC, with `Z`. */
export const Timestamp = Schema.String.annotate({ format: "date-time" })

/** Writes a time as {@link Timestamp}. */
export const timestamp = (time: DateTime.Utc): string => DateTime.formatIso(time)
