import { Schema } from "effect"

/** An id on the wire: a UUID (RFC 9562). */
export const Id = Schema.String.annotate({ format: "uuid" })

// Branded, so that clients can use them in further calls. Stored ids are valid, so responses do not check them again.
export const UserIdBody = Id.pipe(Schema.brand("UserId"))
export const SessionIdBody = Id.pipe(Schema.brand("SessionId"))
export const PushTokenIdBody = Id.pipe(Schema.brand("PushTokenId"))
