"use strict"
// Plays what the sessions in the address lead to: #live=TOKEN&recorded=TOKEN&recorded=TOKEN... Times are milliseconds since 1970 by the clock of
// whoever recorded; the time of the <video> is `origin` less, in seconds.

const element = id => document.getElementById(id)
const video = document.querySelector("video")
const sleep = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds))
const AHEAD = 20_000, BEHIND = 30_000

// --- The server ---

/** The server refuses: asking again does not help. */
class Refusal extends Error {
  constructor(status, text) { super(text); this.status = status }
}

async function get(address, signal) {
  const limit = AbortSignal.timeout(15_000)
  const answer = await fetch(address, { cache: "no-store", signal: signal ? AbortSignal.any([signal, limit]) : limit })
  if (answer.ok) return answer
  const error = await answer.json().catch(() => ({}))
  const text = error.message ?? error.Message ?? `the server answers ${answer.status}`
  throw answer.status >= 400 && answer.status < 500 && answer.status !== 429 ? new Refusal(answer.status, text) : new Error(text)
}

const attribute = (line, name) => line.match(new RegExp(`[:,]${name}=(?:"([^"]*)"|([^,]*))`))?.slice(1).find(Boolean)

/** A session of HLS, and what its playlists say. */
class Session {
  constructor(token) {
    this.address = new URL(`hls/v1/getHLSMasterPlaylist.m3u8?SessionToken=${encodeURIComponent(token)}`, location)
    this.initializations = new Map()
  }

  /** Reads the master playlist: which tracks there are. */
  async open() {
    const lines = (await (await get(this.address)).text()).split("\n")
    const stream = lines.findIndex(line => line.startsWith("#EXT-X-STREAM-INF:"))
    const sound = lines.find(line => line.startsWith("#EXT-X-MEDIA:") && attribute(line, "TYPE") === "AUDIO")
    const codecs = attribute(lines[stream], "CODECS").split(",")
    const isSound = codec => /^mp4a/.test(codec)
    const track = address => new URL(address, this.address).searchParams.get("TrackNumber")
    this.playlist = new URL(lines[stream + 1], this.address)
    this.size = attribute(lines[stream], "RESOLUTION")
    this.tracks = [{ number: track(lines[stream + 1]), type: `${isSound(codecs[0]) ? "audio" : "video"}/mp4; codecs="${codecs[0]}"` }]
    if (sound) this.tracks.push({ number: track(attribute(sound, "URI")), type: `audio/mp4; codecs="${codecs[1]}"` })
  }

  /** Reads the media playlist of the first track. Those of the others list the same, with their own number. */
  async list() {
    const text = await (await get(this.playlist)).text(), found = []
    let map, start, duration
    for (const line of text.split("\n")) {
      if (line.startsWith("#EXT-X-MAP:")) map = attribute(line, "URI")
      else if (line.startsWith("#EXT-X-PROGRAM-DATE-TIME:")) start = Date.parse(line.slice(25))
      else if (line.startsWith("#EXTINF:")) duration = parseFloat(line.slice(8)) * 1000
      else if (line && line[0] !== "#") found.push({ session: this, start, end: start + duration, map, address: line })
    }
    return found
  }

  of(track, address) {
    const its = new URL(address, this.address)
    its.searchParams.set("TrackNumber", track.number)
    return its
  }

  /** The beginning of an MP4 file that the segments of a track need. */
  initialization(track, map) {
    const address = this.of(track, map).href
    if (!this.initializations.has(address)) {
      const bytes = get(address).then(answer => answer.arrayBuffer())
      bytes.catch(() => this.initializations.delete(address))
      this.initializations.set(address, bytes)
    }
    return this.initializations.get(address)
  }
}

/** The content of the first box at a path such as moof/traf/tfdt. */
function box(view, path) {
  const [name, ...rest] = path.split("/")
  for (let at = 0; at + 8 <= view.byteLength;) {
    const size = view.getUint32(at), type = String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at + 4, 4))
    if (size < 8 || at + size > view.byteLength) return undefined
    if (type === name) {
      const content = new DataView(view.buffer, view.byteOffset + at + 8, size - 8)
      return rest.length ? box(content, rest.join("/")) : content
    }
    at += size
  }
}

/** Where a segment begins on the timeline of its session, in milliseconds. */
function beginning(initialization, segment) {
  const header = box(new DataView(initialization), "moov/trak/mdia/mdhd"), time = box(new DataView(segment), "moof/traf/tfdt")
  const scale = header.getUint32(header.getUint8(0) === 1 ? 20 : 12)
  return (time.getUint8(0) === 1 ? Number(time.getBigUint64(4)) : time.getUint32(4)) / scale * 1000
}

// --- What is stored ---

const stored = {
  segments: [],
  known: new Set(),

  add(list) {
    const fresh = list.filter(each => !this.known.has(each.start) && this.known.add(each.start))
    if (fresh.length) this.segments = this.segments.concat(fresh).sort((a, b) => a.start - b.start)
  },

  /** The first place whose segment ends after a time. */
  at(time) {
    let low = 0, high = this.segments.length
    while (low < high) {
      const middle = low + high >> 1
      if (this.segments[middle].end > time) high = middle; else low = middle + 1
    }
    return low
  },

  /** What follows each other without a gap. */
  runs() {
    const found = []
    for (const { start, end } of this.segments) {
      const last = found.at(-1)
      if (last && start - last.end < 150) last.end = Math.max(last.end, end); else found.push({ start, end })
    }
    return found
  },

  get end() { return this.segments.at(-1)?.end },
}

// --- Live ---

const live = {
  session: undefined,
  isOn: false,
  /** Whether the server was asked once. */
  isAsked: false,
  /** What the clock of the producer says less `performance.now()`, by the segments that came soonest. */
  leads: [],

  /** Lists what comes in, for as long as the page is there. */
  async follow() {
    let wait = 250
    while (!ended) {
      try {
        if (!this.session.tracks) await this.session.open()
        const list = await this.session.list(), newest = list.at(-1)?.end
        stored.add(list)
        if (newest > (this.newest ?? 0)) {
          this.newest = newest
          this.leads = this.leads.slice(-19).concat(newest - performance.now())
          this.changed = performance.now()
          await sleep(Math.min(Math.max(this.length / 2, 250), 3000))
        }
        wait = 250
      } catch (error) {
        if (error instanceof Refusal && error.status === 403) return over(error)
        wait = Math.min(wait * 2, 2000)
      }
      this.isAsked = true
      await sleep(wait)
    }
  },

  /** How long segments are. */
  get length() { return Math.max(...stored.segments.slice(-5).map(each => each.end - each.start)) },
  /** The producer's clock. */
  get now() { return Math.max(...this.leads) + performance.now() },
  /** How far behind it is played: a segment is listed when it ends, and has to last until the next one is here. */
  get distance() { return this.length + Math.max(1000, this.length / 2) },
}

// --- The player ---

const player = {
  origin: 0,
  buffers: [],
  loading: new AbortController(),

  get time() { return this.origin + video.currentTime * 1000 },
  set time(value) { video.currentTime = Math.max(this.offset(value), 0) },
  offset(time) { return (time - this.origin) / 1000 },

  /** Makes what the <video> plays from, at a time. */
  async attach(tracks, time) {
    const Source = window.MediaSource ?? window.ManagedMediaSource
    const source = new Source()
    video.disableRemotePlayback = !window.MediaSource
    const opened = new Promise(resolve => source.addEventListener("sourceopen", resolve, { once: true }))
    this.buffers = []
    URL.revokeObjectURL(video.src)
    video.src = URL.createObjectURL(source)
    await opened
    const missing = tracks.find(track => !Source.isTypeSupported(track.type))
    if (missing) return over(new Error(`This browser does not play ${missing.type}.`))
    // Whatever is sought must be before its end.
    source.duration = 7 * 86_400
    this.buffers = tracks.map(track => ({ track, source: source.addSourceBuffer(track.type), initialized: undefined }))
    this.time = time
  },

  /** Whether all tracks of a segment are there to be played. */
  has(segment) {
    const middle = this.offset((segment.start + segment.end) / 2)
    return this.buffers.every(({ source }) => ranges(source.buffered).some(([start, end]) => start <= middle && middle < end))
  },

  /** The segment to be loaded next, if any: within AHEAD, and the next behind a gap when what is before it will soon have been played. */
  wanted() {
    let far = this.isAhead(2) ? this.time + AHEAD : Infinity
    for (let at = stored.at(this.time); at < stored.segments.length && stored.segments[at].start < far; at++) {
      const segment = stored.segments[at]
      if (segment.isBroken) continue
      if (!this.has(segment)) return segment
      if (segment.start > this.time) far = this.time + AHEAD
    }
  },

  /** Whether there is so much to be played, in seconds, before anything is missing. */
  isAhead(seconds) { return ranges(video.buffered).some(([start, end]) => start <= video.currentTime && end > video.currentTime + seconds) },

  /** Loads what is to be played, and takes out what was, one thing at a time. */
  async load() {
    let wait = 0
    while (!ended) {
      const segment = this.buffers.length ? this.wanted() : undefined
      try {
        if (segment) await this.append(segment)
        await this.trim(BEHIND)
        wait = segment ? 0 : 100
      } catch (error) {
        if (error instanceof Refusal && error.status === 403) return over(error)
        if (error.name === "AbortError") wait = 0
        else if (error instanceof Refusal || error instanceof Unplayable) segment.isBroken = true
        else if (error.name === "QuotaExceededError") await this.trim(2000)
        else wait = Math.min(wait * 2 || 100, 2000)
      }
      await sleep(wait)
    }
  },

  async append(segment) {
    this.loading = new AbortController()
    const { session } = segment, { signal } = this.loading
    if (!session.tracks) await session.open()
    const loaded = await Promise.all(this.buffers.map(async (buffer, index) => {
      const track = session.tracks[index]
      if (!track) throw new Unplayable()
      const [initialization, bytes] = await Promise.all([
        session.initialization(track, segment.map), get(session.of(track, segment.address), signal).then(answer => answer.arrayBuffer()),
      ])
      return { buffer, initialization, bytes }
    }))
    session.base ??= segment.start - beginning(loaded[0].initialization, loaded[0].bytes)
    for (const { buffer, initialization, bytes } of loaded) {
      buffer.source.timestampOffset = this.offset(session.base)
      if (buffer.initialized !== initialization) await done(buffer.source, () => buffer.source.appendBuffer(initialization))
      buffer.initialized = initialization
      await done(buffer.source, () => buffer.source.appendBuffer(bytes))
    }
    if (!this.has(segment)) throw new Unplayable()
  },

  /** Takes out what is more than this behind, and what is ahead behind two gaps. */
  async trim(behind) {
    for (const { source } of this.buffers) {
      const from = video.currentTime - behind / 1000, found = ranges(source.buffered)
      if (found[0]?.[0] < from - 10) await done(source, () => source.remove(0, from))
      for (const [start, end] of found.filter(([, end]) => end > video.currentTime).slice(2)) await done(source, () => source.remove(start, end))
    }
  },

  /** Goes over what is not there: gaps, and what cannot be played. */
  passGaps() {
    if (!this.buffers.length || this.isAhead(0.1)) return
    const next = ranges(video.buffered).find(([start]) => start > video.currentTime)
    if (!next) return
    // Unless something between is still to come.
    for (let at = stored.at(this.time); stored.segments[at] && this.offset(stored.segments[at].start) < next[0] - 0.5; at++) {
      if (!stored.segments[at].isBroken && !this.has(stored.segments[at])) return
    }
    video.currentTime = next[0] + 0.001
  },
}

/** What was loaded is not media that this browser plays. */
class Unplayable extends Error {}

const ranges = buffered => Array.from({ length: buffered.length }, (_, index) => [buffered.start(index), buffered.end(index)])

/** Has a SourceBuffer do something, to its end. */
function done(source, what) {
  return new Promise((resolve, reject) => {
    source.onupdateend = resolve
    source.onerror = () => reject(new Unplayable())
    try { what() } catch (error) { reject(error) }
  })
}

// --- What one can do ---

function goTo(time) {
  const at = stored.at(time)
  if (live.session && time > stored.end - live.length) return goLive()
  if (!stored.segments[at]) return
  live.isOn = false
  video.playbackRate = 1
  move(Math.max(time, stored.segments[at].start + 1))
}

function goLive() {
  if (!live.leads.length) return
  live.isOn = true
  // Where nothing comes in, the last that did.
  move(Math.min(live.now - live.distance, stored.segments.at(-1).start + 1))
}

function move(time) {
  player.loading.abort()
  if (native) return native(time)
  player.time = time
  video.play().catch(() => {})
}

/** Keeps what is live at its distance: nobody hears a tenth. */
function keepUp() {
  const late = live.now - player.time - live.distance
  if (late > 15_000 && stored.end - player.time > live.distance + 5000) return goLive()
  const isFar = video.playbackRate === 1 ? 700 : 100
  video.playbackRate = late > isFar && player.isAhead(0.3) ? 1.1 : late < -isFar ? 0.95 : 1
}

/** Where there is no Media Source: the browser plays HLS by itself. */
let native
function playNatively(sessions) {
  native = time => {
    const session = live.isOn ? live.session : stored.segments[stored.at(time)].session
    player.origin = stored.segments.find(each => each.session === session).start
    if (video.src !== session.address.href) video.src = session.address
    if (!live.isOn) video.addEventListener("loadedmetadata", () => { player.time = time }, { once: true })
    video.play().catch(() => {})
  }
  if (!video.canPlayType("application/vnd.apple.mpegurl")) over(new Error("This browser plays no HLS."))
}

// --- What there is to see ---

let ended
function over(error) {
  ended = /expired/.test(error.message) ? "This link has expired: make a new one by weir media watch."
    : error.status === 403 ? "This link is not valid: make a new one by weir media watch." : error.message
  element("message").value = ended
  video.pause()
}

const clock = time => new Date(time).toLocaleTimeString([], { hour12: false })
const day = time => new Date(time).toLocaleDateString([], { dateStyle: "medium" })
const length = time => {
  const seconds = Math.max(Math.round(time / 1000), 0), text = value => String(value).padStart(2, "0")
  return seconds < 3600 ? `${Math.floor(seconds / 60)}:${text(seconds % 60)}`
    : `${Math.floor(seconds / 3600)}:${text(Math.floor(seconds / 60) % 60)}:${text(seconds % 60)}`
}

const view = { span: Infinity }

/** What the timeline shows: all, or a span with what is played in its middle. */
function shown() {
  const from = stored.segments[0]?.start ?? 0, to = Math.max(stored.end ?? 1, from + 1000)
  if (view.span >= to - from) return [from, to]
  const start = Math.min(Math.max(player.time - view.span / 2, from), to - view.span)
  return [start, start + view.span]
}

let drawn
function draw() {
  const canvas = element("timeline"), scale = devicePixelRatio, [from, to] = shown()
  const width = Math.round(canvas.clientWidth * scale), height = Math.round(canvas.clientHeight * scale)
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height]
  const paint = canvas.getContext("2d"), style = getComputedStyle(document.documentElement)
  const x = time => (time - from) / (to - from) * width
  paint.clearRect(0, 0, width, height)
  const runs = stored.runs()
  paint.fillStyle = style.getPropertyValue("--stored")
  for (const run of runs) paint.fillRect(x(run.start), height * 0.25, Math.max(x(run.end) - x(run.start), 1), height * 0.5)
  paint.fillStyle = style.getPropertyValue("--now")
  paint.fillRect(x(player.time) - scale, 0, 2 * scale, height)
  element("from").textContent = `${day(from)} ${clock(from)}`
  element("to").textContent = clock(to)
  canvas.setAttribute("aria-valuemin", Math.round(from / 1000))
  canvas.setAttribute("aria-valuemax", Math.round(to / 1000))
  canvas.setAttribute("aria-valuenow", Math.round(player.time / 1000))
  canvas.setAttribute("aria-valuetext", `${day(player.time)} ${clock(player.time)}`)
  const text = runs.map(run => run.start).join()
  if (drawn !== text) list(runs)
  drawn = text
}

/** What is stored, as text: the newest first. */
function list(runs) {
  const gaps = Math.max(runs.length - 1, 0)
  element("stored").textContent = `Stored: ${runs.length === 1 ? "one piece" : `${runs.length} pieces`}, ${gaps === 1 ? "one gap" : `${gaps} gaps`}`
  element("runs").replaceChildren(...runs.map((run, index) => {
    const item = document.createElement("li"), button = document.createElement("button")
    button.textContent = `${day(run.start)} ${clock(run.start)}`
    button.addEventListener("click", () => goTo(run.start))
    item.append(button)
    if (index) {
      const gap = document.createElement("small")
      gap.textContent = `after a gap of ${length(run.start - runs[index - 1].end)}`
      item.append(gap)
    }
    return item
  }).reverse().slice(0, 100))
}

function tick() {
  if (!stored.segments.length) return
  if (!native && !ended) player.passGaps()
  if (live.isOn && !native && !video.paused && !ended) keepUp()
  element("clock").textContent = `${day(player.time)} ${clock(player.time)}`
  element("behind").textContent = live.leads.length ? `${length(live.now - player.time)} behind now` : ""
  element("live").setAttribute("aria-pressed", live.isOn)
  element("play").textContent = video.paused ? "▶" : "❚❚"
  element("play").setAttribute("aria-label", video.paused ? "Play" : "Pause")
  element("sound").setAttribute("aria-pressed", !video.muted)
  const isSilent = live.isOn && performance.now() - live.changed > 3 * live.length + 3000
  element("message").value = ended ?? (isSilent ? "Nothing comes in." : video.readyState < 3 && !video.paused ? "Loading ..." : "")
  draw()
}

const actions = {
  play: () => video.paused ? video.play().catch(() => {}) : video.pause(),
  live: goLive,
  sound: () => { video.muted = !video.muted },
  full: () => document.fullscreenElement ? document.exitFullscreen() : element("screen").requestFullscreen?.(),
  closer: () => { const [from, to] = shown(); view.span = Math.max((to - from) / 2, 10_000) },
  wider: () => { view.span = view.span * 2 < (stored.end - stored.segments[0]?.start) ? view.span * 2 : Infinity },
}
for (const [id, action] of Object.entries(actions)) element(id).addEventListener("click", () => { action(); tick() })
element("timeline").addEventListener("click", event => {
  const [from, to] = shown(), edges = element("timeline").getBoundingClientRect()
  goTo(from + (event.clientX - edges.left) / edges.width * (to - from))
})
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  const step = event.shiftKey ? 60_000 : 10_000, isButton = event.target.matches("button, summary")
  const keys = {
    ArrowLeft: () => goTo(player.time - step), ArrowRight: () => goTo(player.time + step), Home: () => goTo(stored.segments[0]?.start), End: goLive,
    l: goLive, m: actions.sound, f: actions.full, "+": actions.closer, "-": actions.wider, " ": isButton ? undefined : actions.play,
  }
  const action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key]
  if (!action) return
  event.preventDefault()
  action()
  tick()
})

// --- From the beginning ---

/** Lists what was stored, the newest first. */
async function listRecorded(sessions) {
  for (const session of sessions.toReversed()) {
    for (let wait = 250; !ended; wait = Math.min(wait * 2, 2000)) {
      try {
        if (!session.tracks) await session.open()
        stored.add(await session.list())
        break
      } catch (error) {
        if (error instanceof Refusal) {
          if (error.status === 403) return over(error)
          break
        }
        await sleep(wait)
      }
    }
  }
}

async function begin() {
  const link = new URLSearchParams(location.hash.slice(1)), recorded = link.getAll("recorded").map(token => new Session(token))
  if (link.get("live")) live.session = new Session(link.get("live"))
  if (!live.session && !recorded.length) return over(new Error("The address holds no link: make one by weir media watch."))
  if (live.session) live.follow()
  listRecorded(recorded)
  while (!ended && (!stored.segments.length || live.session && !live.isAsked)) await sleep(50)
  if (ended) return
  // A range is of one day at most.
  player.origin = stored.segments[0].start - 2 * 86_400_000
  const tracks = stored.segments[0].session.tracks
  if (!window.MediaSource && !window.ManagedMediaSource) playNatively()
  else {
    await player.attach(tracks, player.origin)
    player.load()
    let failures = 0
    video.addEventListener("error", async () => {
      if (ended || ++failures > 20) return over(new Error("This browser cannot play what is stored."))
      const time = player.time, broken = stored.segments[stored.at(time)]
      if (broken) broken.isBroken = true
      await player.attach(tracks, time)
      video.play().catch(() => {})
    })
  }
  if (live.leads.length) goLive(); else goTo(stored.segments[0].start)
  setInterval(tick, 200)
}

addEventListener("hashchange", () => location.reload())
addEventListener("resize", draw)
begin()
