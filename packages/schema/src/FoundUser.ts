import { Role } from "@user-service/domain/Role"
import type { FoundUser } from "@user-service/domain/UserSearch"
import { Schema } from "effect"
import { UserIdBody } from "./Id.ts"
import { EmailBody } from "./Input.ts"
import { Timestamp, timestamp } from "./Timestamp.ts"
import { userExample } from "./User.ts"

/** A user of a search. */
export const FoundUserBody = Schema.Struct({
  id: UserIdBody,
  email: EmailBody,
  username: Schema.String,
  phone_number: Schema.NullOr(Schema.String),
  role: Schema.NullOr(Role).annotateKey({ description: "Null for users who are not staff." }),
  is_active: Schema.Boolean,
  is_verified: Schema.Boolean,
  is_suppressed: Schema.Boolean.annotateKey({ description: "Whether the address gets no more e-mails." }),
  created_at: Timestamp,
  last_login: Schema.NullOr(Timestamp)
}).annotate({
  identifier: "FoundUser",
  description: "A user in the result of a search.",
  examples: [
    {
      id: UserIdBody.make(userExample.id),
      email: userExample.email,
      username: userExample.username,
      phone_number: userExample.phone_number,
      role: null,
      is_active: true,
      is_verified: true,
      is_suppressed: false,
      created_at: userExample.created_at,
      last_login: userExample.last_login
    }
  ]
})

/** A user of a search in wire form. */
export const foundUserBody = (user: FoundUser): typeof FoundUserBody.Type => ({
  id: user.id,
  email: user.email,
  username: user.username,
  phone_number: user.phoneNumber,
  role: user.role,
  is_active: user.isActive,
  is_verified: user.isVerified,
  is_suppressed: user.isSuppressed,
  created_at: timestamp(user.createdAt),
  last_login: user.lastLoginAt === null ? null : timestamp(user.lastLoginAt)
})
