import type { Tokens } from "@user-service/core/sessions/SessionTokens"
import type { TokensBody } from "@user-service/schema/Session"

/** A session's tokens in wire form. */
export const tokensBody = (tokens: Tokens): typeof TokensBody.Type => ({
  access: tokens.access,
  refresh: tokens.refresh,
  access_expires_in: tokens.accessExpiresIn,
  refresh_expires_in: tokens.refreshExpiresIn
})
