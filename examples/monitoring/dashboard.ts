/**
 * Makes the Grafana dashboard beside it, `vllm-chill.dashboard.json`: `node examples/generate.ts` writes it,
 * with `--check` it fails when it is stale. Import it in Grafana, or mount it where Grafana looks for some.
 */

interface Query {
  readonly expr: string
  readonly legend: string
}

interface Panel {
  readonly title: string
  readonly about: string
  readonly unit: string
  readonly kind?: 'stat' | 'timeseries' | 'state-timeline'
  readonly stacked?: true
  readonly width?: number
  readonly queries: readonly Query[]
}

const instance = 'instance=~"$instance"'
const rate = (metric: string, filter = '') =>
  `rate(${metric}{${instance}${filter}}[$__rate_interval])`
const sum = (by: string, inner: string) =>
  by === '' ? `sum(${inner})` : `sum by (${by}) (${inner})`
const quantile = (q: number, metric: string, by = '', filter = '') =>
  `histogram_quantile(${q}, ${sum(by === '' ? 'le' : `le, ${by}`, rate(`${metric}_bucket`, filter))})`
const over = (metric: string) => `sum(increase(${metric}{${instance}}[$__range]))`

const panels: readonly (Panel | string)[] = [
  'Now',
  {
    title: 'Loaded',
    about: 'Models that are loaded and served.',
    unit: 'none',
    kind: 'stat',
    width: 6,
    queries: [{ expr: `vllm_chill_current_model{${instance}} == 1`, legend: '{{model_name}}' }],
  },
  {
    title: 'In flight',
    about: 'Requests that a backend works on.',
    unit: 'none',
    kind: 'stat',
    width: 4,
    queries: [{ expr: `sum(vllm_chill_leases{${instance}})`, legend: 'requests' }],
  },
  {
    title: 'Waiting',
    about: 'Requests that wait for a load or a place.',
    unit: 'none',
    kind: 'stat',
    width: 4,
    queries: [{ expr: `sum(vllm_chill_waiting_requests{${instance}})`, legend: 'requests' }],
  },
  {
    title: 'Oldest wait',
    about: 'How long the one that has waited longest waits.',
    unit: 's',
    kind: 'stat',
    width: 4,
    queries: [{ expr: `max(vllm_chill_oldest_wait_seconds{${instance}})`, legend: 'wait' }],
  },
  {
    title: 'GPU time saved',
    about: 'In the range shown: the share of the time in which no GPU was held, against always on.',
    unit: 'percentunit',
    kind: 'stat',
    width: 6,
    queries: [
      {
        expr: `${over('vllm_chill_gpu_saved_seconds_total')} / (${over('vllm_chill_gpu_saved_seconds_total')} + ${over('vllm_chill_gpu_held_seconds_total')})`,
        legend: 'saved',
      },
    ],
  },
  {
    title: 'Backends',
    about: 'The state of the chart that each backend is in.',
    unit: 'none',
    kind: 'state-timeline',
    width: 24,
    queries: [
      { expr: `vllm_chill_backend_state{${instance}} == 1`, legend: '{{backend}} {{state}}' },
    ],
  },
  'Requests',
  {
    title: 'Requests by path',
    about: 'By route.',
    unit: 'reqps',
    queries: [{ expr: sum('path', rate('vllm_chill_requests_total')), legend: '{{path}}' }],
  },
  {
    title: 'Refusals',
    about: 'Errors of vllm-chill itself, by their code.',
    unit: 'reqps',
    queries: [
      { expr: `${sum('code', rate('vllm_chill_refusals_total'))} > 0`, legend: '{{code}}' },
      {
        expr: `${sum('reason', rate('vllm_chill_client_aborts_total'))} > 0`,
        legend: 'client {{reason}}',
      },
    ],
  },
  {
    title: 'Duration',
    about: 'From the head of a request to the last byte of its answer.',
    unit: 's',
    queries: [0.5, 0.95, 0.99].map((q) => ({
      expr: quantile(q, 'vllm_chill_request_duration_seconds', '', ',path!="other"'),
      legend: `p${q * 100}`,
    })),
  },
  {
    title: 'Waiting',
    about: 'Requests in the gate, by model.',
    unit: 'none',
    stacked: true,
    queries: [
      { expr: sum('model', `vllm_chill_waiting_requests{${instance}}`), legend: '{{model}}' },
    ],
  },
  {
    title: 'Wait for admission, p95',
    about: 'By how the wait ended.',
    unit: 's',
    queries: [
      {
        expr: quantile(0.95, 'vllm_chill_admission_wait_seconds', 'outcome'),
        legend: '{{outcome}}',
      },
    ],
  },
  {
    title: 'What the proxy adds, p99',
    about: 'Until a request is sent on, without its wait.',
    unit: 's',
    queries: [{ expr: quantile(0.99, 'vllm_chill_proxy_latency_seconds'), legend: 'p99' }],
  },
  'Loads',
  {
    title: 'Where a cold start goes',
    about: 'Mean of each phase.',
    unit: 's',
    stacked: true,
    queries: [
      {
        expr: `${sum('phase', rate('vllm_chill_cold_start_seconds_sum'))} / ${sum('phase', rate('vllm_chill_cold_start_seconds_count'))}`,
        legend: '{{phase}}',
      },
    ],
  },
  {
    title: 'Switches by reason',
    about: 'Switches begun in an hour.',
    unit: 'none',
    queries: [
      {
        expr: `sum by (reason) (increase(vllm_chill_switches_total{${instance}}[1h]))`,
        legend: '{{reason}}',
      },
    ],
  },
  {
    title: 'Loads and unloads that went wrong',
    about: 'In an hour.',
    unit: 'none',
    queries: [
      {
        expr: `sum by (reason) (increase(vllm_chill_start_failures_total{${instance}}[1h])) > 0`,
        legend: 'start failed: {{reason}}',
      },
      {
        expr: `sum(increase(vllm_chill_replicas_lost_total{${instance}}[1h]))`,
        legend: 'died',
      },
      {
        expr: `sum(increase(vllm_chill_drains_overdue_total{${instance}}[1h]))`,
        legend: 'drain overdue',
      },
    ],
  },
  'GPUs',
  {
    title: 'GPUs by use',
    about:
      'How many are serving, idle, otherwise held (loading, unloading), and free thanks to vllm-chill.',
    unit: 'none',
    stacked: true,
    width: 16,
    queries: [
      { expr: sum('', rate('vllm_chill_gpu_serving_seconds_total')), legend: 'serving' },
      { expr: sum('', rate('vllm_chill_gpu_idle_seconds_total')), legend: 'idle' },
      {
        expr: `${sum('', rate('vllm_chill_gpu_held_seconds_total'))} - ${sum('', rate('vllm_chill_gpu_serving_seconds_total'))} - ${sum('', rate('vllm_chill_gpu_idle_seconds_total'))}`,
        legend: 'loading, unloading',
      },
      { expr: sum('', rate('vllm_chill_gpu_saved_seconds_total')), legend: 'saved' },
    ],
  },
  {
    title: 'Event loop lag',
    about: 'How late vllm-chill gets to what it has to do.',
    unit: 's',
    queries: [{ expr: `vllm_chill_event_loop_lag_seconds{${instance}}`, legend: '{{statistic}}' }],
  },
]

const datasource = { type: 'prometheus', uid: '${datasource}' }
const columns = 24

/** The dashboard as Grafana 10 and later read it. */
export function dashboard(): object {
  return {
    uid: 'vllm-chill',
    title: 'vllm-chill',
    description:
      'What is loaded, who waits, where the time of a cold start goes, and what it saves.',
    tags: ['vllm', 'vllm-chill'],
    schemaVersion: 39,
    editable: true,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', label: 'Data source', type: 'datasource', query: 'prometheus' },
        {
          name: 'instance',
          label: 'Instance',
          type: 'query',
          datasource,
          query: 'label_values(vllm_chill_build_info, instance)',
          refresh: 2,
          includeAll: true,
          allValue: '.*',
          multi: true,
          current: { text: 'All', value: '$__all' },
        },
      ],
    },
    panels: laidOut(),
  }
}

function laidOut(): object[] {
  let x = 0
  let y = 0
  let rowHeight = 0
  const newLine = () => {
    x = 0
    y += rowHeight
    rowHeight = 0
  }
  return panels.map((panel, at) => {
    const id = at + 1
    if (typeof panel === 'string') {
      newLine()
      const row = { id, type: 'row', title: panel, gridPos: { x, y, w: columns, h: 1 }, panels: [] }
      y += 1
      return row
    }
    const { width: w = 8, kind = 'timeseries' } = panel
    const h = kind === 'stat' ? 4 : kind === 'state-timeline' ? 6 : 8
    if (x + w > columns) newLine()
    const gridPos = { x, y, w, h }
    x += w
    rowHeight = Math.max(rowHeight, h)
    return Object.assign(shown(panel, kind), { id, gridPos })
  })
}

function shown(panel: Panel, kind: NonNullable<Panel['kind']>): object {
  const { title, about, unit, stacked, queries } = panel
  const custom =
    kind === 'timeseries'
      ? { fillOpacity: stacked ? 30 : 8, stacking: { mode: stacked ? 'normal' : 'none' } }
      : {}
  const textMode = title === 'Loaded' ? 'name' : 'value'
  return {
    type: kind,
    title,
    description: about,
    datasource,
    fieldConfig: { defaults: { unit, custom, min: 0 }, overrides: [] },
    ...(kind === 'stat' && {
      options: { textMode, colorMode: 'value', reduceOptions: { calcs: ['lastNotNull'] } },
    }),
    ...(kind === 'state-timeline' && { options: { showValue: 'never', mergeValues: true } }),
    targets: queries.map(({ expr, legend }, at) => ({
      refId: String.fromCodePoint(65 + at),
      datasource,
      expr,
      legendFormat: legend,
    })),
  }
}
