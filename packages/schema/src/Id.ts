import { Schema } from "effect"

/** An id on the wire: a UUID (RFC 9562). */
export const Id = Schema.String.annotate({ format: "uuid" })
