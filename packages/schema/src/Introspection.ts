import { Text } from "@user-service/domain/Text"
import { Schema } from "effect"
import { SessionIdBody, UserIdBody } from "./Id.ts"
import { notBlank, requiredField } from "./Input.ts"

/** The token to introspect. The `Redacted` may have any label. */
export const IntrospectInput = Schema.Struct({
  token: Schema.RedactedFromValue(Text.check(notBlank)).annotateKey(requiredField)
}).annotate({ identifier: "IntrospectInput", description: "The access token to introspect." })

const seconds = Schema.Int.annotate({ description: "Seconds since 1970." })

/** The claims of a valid access token. */
export const ActiveToken = Schema.Struct({
  active: Schema.Literal(true),
  sub: UserIdBody,
  user_id: UserIdBody,
  sid: SessionIdBody,
  jti: Schema.String,
  iss: Schema.String,
  aud: Schema.String,
  iat: seconds,
  exp: seconds,
  token_type: Schema.Literal("access")
})

// The response for any other token reveals nothing else (RFC 7662, section 2.2).
const InactiveToken = Schema.Struct({ active: Schema.Literal(false) })

/** The response of token introspection (RFC 7662). */
export const TokenIntrospection = Schema.Union([ActiveToken, InactiveToken]).annotate({
  identifier: "TokenIntrospection",
  description: "The claims of a valid access token, or only `active: false`.",
  examples: [
    {
      active: true,
      sub: UserIdBody.make("0193a5c2-7b1a-7b62-a1f9-3d8e5c0b7f42"),
      user_id: UserIdBody.make("0193a5c2-7b1a-7b62-a1f9-3d8e5c0b7f42"),
      sid: SessionIdBody.make("0193a5c2-7b1e-7c4d-9f3a-52e8c1d07a66"),
      jti: "3f0b6c1e-7c44-4c57-9b21-8f3a2e5d9a10",
      iss: "user-service",
      aud: "user-service",
      iat: 1_795_514_520,
      exp: 1_795_518_120,
      token_type: "access"
    }
  ]
})
export type TokenIntrospection = typeof TokenIntrospection.Type
