// Random bytes in blocks (decision 0013).
import { Layer } from "effect"
import { SecureRandom } from "effect/crypto"
import { randomFillSync } from "node:crypto"

// A UUID needs 16 bytes, and the system's generator takes as long for 16 bytes as for thousands.
const poolSize = 4096

const makeRandomBytes = () => {
  const pool = new Uint8Array(poolSize)
  let used = poolSize
  return (size: number): Uint8Array => {
    if (size > poolSize) return randomFillSync(new Uint8Array(size))
    if (used + size > poolSize) {
      randomFillSync(pool)
      used = 0
    }
    const bytes = pool.slice(used, used + size)
    // The returned bytes may become a secret, so no copy of them stays here.
    pool.fill(0, used, used + size)
    used += size
    return bytes
  }
}

/** `SecureRandom` over the system's generator, from which it reads blocks of 4 KiB. */
export const layer: Layer.Layer<SecureRandom.SecureRandom> = Layer.sync(SecureRandom.SecureRandom, () =>
  SecureRandom.make(makeRandomBytes())
)
