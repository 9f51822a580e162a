import { render } from 'preact'
import { Chart } from './chart.tsx'
import { Chat } from './chat-view.tsx'
import { startClock } from './clock.ts'
import { keepFresh, stayConnected } from './connection.ts'
import { backends } from './fleet.ts'
import { FleetView } from './fleet-view.tsx'
import { Banners, Header } from './header.tsx'
import { ModelsView } from './models-view.tsx'
import { Notices } from './notices.tsx'
import { Questions } from './question.tsx'
import { RequestsView } from './requests-view.tsx'
import { Timeline } from './timeline.tsx'
import { TokenDialog } from './token-dialog.tsx'
import { Totals } from './totals.tsx'

function Page() {
  return (
    <>
      <Header />
      <main>
        <Banners />
        <Totals />
        <div class={backends.value.length === 1 ? 'overview one' : 'overview'}>
          <FleetView />
          <ModelsView />
        </div>
        <Chart />
        <Timeline />
        <div class="columns">
          <RequestsView />
          <Chat />
        </div>
      </main>
      <Notices />
      <Questions />
      <TokenDialog />
    </>
  )
}

const place = document.querySelector('#page')
if (place) {
  place.replaceChildren()
  render(<Page />, place)
}
startClock()
keepFresh()
void stayConnected()
