import type { AccessClaims } from "@user-service/domain/Token"
import type { KeyRing } from "./Keys.ts"

// 20,000 tokens are about 7 MB.
const defaultCapacity = 20_000

/**
 * Access tokens whose signature has been checked under the current keys, by SHA-256, so that the next request with one
 * costs a hash and no trip to another thread. Whether one has expired is still for the reader to judge.
 */
export interface SeenTokens {
  /** What the token says, if it was added under these very keys. Other keys forget everything. */
  readonly get: (ring: KeyRing, digest: string) => AccessClaims | undefined
  /** Does nothing under keys that have been replaced since. When full, the longest known goes. */
  readonly add: (ring: KeyRing, digest: string, claims: AccessClaims) => void
}

export const make = (capacity = defaultCapacity): SeenTokens => {
  const claimsByDigest = new Map<string, AccessClaims>()
  let current: KeyRing | undefined
  return {
    get: (ring, digest) => {
      if (ring !== current) {
        current = ring
        claimsByDigest.clear()
      }
      return claimsByDigest.get(digest)
    },
    add: (ring, digest, claims) => {
      if (ring !== current) return
      const [oldest] = claimsByDigest.size >= capacity ? claimsByDigest.keys() : []
      if (oldest !== undefined) claimsByDigest.delete(oldest)
      claimsByDigest.set(digest, claims)
    }
  }
}
