import { RateLimits } from "@user-service/cache/RateLimits"
import { onTestClock } from "@user-service/cache/testing/Fresh"
import { suite } from "@user-service/cache/testing/RateLimitsSuite"

suite("RateLimits.layerMemory", RateLimits.layerMemory, onTestClock)
