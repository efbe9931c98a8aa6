import { Layer } from "effect"
import { SecureRandom } from "effect/crypto"
import { randomFillSync } from "node:crypto"

// An id takes 16 bytes, and one call of the system's generator costs as much for 16 as for thousands.
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
    // What was given out is a secret of its taker's.
    pool.fill(0, used, used + size)
    used += size
    return bytes
  }
}

/** `SecureRandom` by the system's generator, asked for many bytes at a time. */
export const layer: Layer.Layer<SecureRandom.SecureRandom> = Layer.sync(SecureRandom.SecureRandom, () =>
  SecureRandom.make(makeRandomBytes())
)
