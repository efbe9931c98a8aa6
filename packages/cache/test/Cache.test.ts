import { Cache } from "@user-service/cache/Cache"
import { suite } from "@user-service/cache/testing/CacheSuite"
import { onTestClock } from "@user-service/cache/testing/Fresh"

suite("Cache.layerMemory", Cache.layerMemory, onTestClock)
