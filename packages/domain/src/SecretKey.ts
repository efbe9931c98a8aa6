const publicSecrets = /django-insecure|change[-_ ]?(me|this|it)|your[-_ ](own[-_ ])?(secret|key)|placeholder|example/i

/** Why a secret must not be used, or undefined: too short for HMAC-SHA256 (RFC 7518, section 3.2), or public. */
export const secretKeyProblem = (secret: string): string | undefined => {
  if (new TextEncoder().encode(secret).length < 32) return "must have at least 32 bytes"
  if (publicSecrets.test(secret)) return "is a known default"
  if (new Set(secret).size < 8) return "repeats a few characters"
  return undefined
}
