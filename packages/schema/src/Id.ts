import { Schema } from "effect"

/** An id on the wire: a UUID (RFC 9562). */
export const Id = Schema.String.annotate({ format: "uuid" })

// With their brands, for those who ask on with them. What is stored is an id, and not checked again for each answer.
export const UserIdBody = Id.pipe(Schema.brand("UserId"))
export const SessionIdBody = Id.pipe(Schema.brand("SessionId"))
export const PushTokenIdBody = Id.pipe(Schema.brand("PushTokenId"))
