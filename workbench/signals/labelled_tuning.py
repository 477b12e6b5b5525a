"""Headlines with labels on which the lexicon was tuned; written by us, about invented companies.

Accuracy here says that the lexicon knows what it was shown; `labelled_unseen` says more.
"""

POSITIVE = """\
Alderney Cables raises guidance after strong third quarter
Bristow Grain beats estimates on higher volumes
Third-quarter profit at Calder Trust rises 9%
Dornier Biotech's cancer drug granted fast-track status
Eastgate Power increases quarterly dividend 5 %
Falk Instruments shares soar 22% after takeover offer
Competition watchdog approves Gannet Freight merger
Hadley Cloud posts surprise profit
Ivory Cement upgraded to outperform at Morland
Jessop Foods exceeds expectations, lifts outlook
Kilburn Semi signs $3 billion supply agreement
Lyle Metals narrows loss on cost savings
Mercer Toys sees holiday sales surge
Norwell Pharma receives European approval
Osprey Jets books record orders
Paxton Water wins rate case
Quill Software added to S&P 500
Redfern Banks' net interest margin widens
Stanmore Wind completes project ahead of schedule and under budget
Trask Outdoor sales up 14 % in fourth quarter
Ulster Dairy returns to profit
Verity Health rallies as lawsuit is dismissed
Westbury Auto deliveries hit record
Yarrow Gas eliminates net debt
Zeller Optics delivers another strong quarter, stock pops
Alderney Cables' backlog grows to new high
Bristow Grain to buy back up to 10 % of its shares
EPS of $2.05 vs $1.88 expected at Calder Trust
Dornier Biotech jumps premarket on positive data
Eastgate Power's losses shrink
Falk Instruments denies fraud claims, auditor agrees
Gannet Freight expects no impact from tariffs
Hadley Cloud's churn falls to record low
Ivory Cement benefits from infrastructure boom
Stocks climb as inflation eases
Unemployment falls more than expected
Kilburn Semi gains market share
Lyle Metals restarts idle mine as prices recover
Mercer Toys avoids bankruptcy with rescue deal
Norwell Pharma settles lawsuit, removing overhang
Osprey Jets less bad than feared, shares rebound
Paxton Water earns top credit rating
Quill Software accelerates growth on AI demand
Redfern Bank reinstates buyback
Bullish on $STNM, chart looks amazing
$TRSK crushing it, diamond hands
Bought the dip on $ULST, easy double from here
Why Verity Health stock is soaring today
Westbury Auto launches cheaper model to strong demand
Yarrow Gas secures financing for expansion
Zeller Optics' profitability improves markedly
Analyst sees 40% upside in Alderney Cables
Bristow Grain top pick at Morland Securities
Calder Trust's provision for bad loans shrinks
Dornier Biotech partners with larger rival in lucrative deal
Eastgate Power fixes reactor fault, plant back online
Upbeat forecast sends Falk Instruments higher
Gannet Freight's operating costs decline
Hadley Cloud turns cash-flow positive
Investors bid up Ivory Cement after robust results
"""

NEGATIVE = """\
Alderney Cables cuts guidance as orders weaken
Bristow Grain misses expectations on weak volumes
Third-quarter profit at Calder Trust falls 23%
Dornier Biotech halts trial after patient death
Eastgate Power cuts dividend
Falk Instruments shares sink 18% on accounting review
Competition watchdog sues to stop Gannet Freight merger
Hadley Cloud swings to loss
Ivory Cement downgraded to underperform at Morland
Jessop Foods fails to meet expectations, lowers outlook
Kilburn Semi loses $3 billion supply contract
Lyle Metals' loss widens on impairment
Mercer Toys sees holiday sales slide
Norwell Pharma's application rejected in Europe
Osprey Jets slashes delivery target
Paxton Water fined over sewage spills
Quill Software removed from S&P 500
Redfern Bank's net interest margin shrinks
Stanmore Wind takes $700 million write-down on delayed project
Trask Outdoor sales down 14 % in fourth quarter
Ulster Dairy warns of lower profit
Verity Health plunges as lawsuit proceeds
Westbury Auto deliveries disappoint
Yarrow Gas defaults on bonds
Zeller Optics posts dismal quarter, stock craters
Alderney Cables' backlog shrinks
Bristow Grain chief resigns amid scandal
EPS of $1.55 vs $1.88 expected at Calder Trust
Dornier Biotech slumps premarket on safety data
Eastgate Power's losses mount
Falk Instruments investigated for bribery
Gannet Freight expects tariffs to hurt profit
Hadley Cloud's churn rises
Ivory Cement hit by construction slowdown
Stocks drop as inflation accelerates
Unemployment rises unexpectedly
Kilburn Semi loses market share
Lyle Metals idles mine, cuts 800 jobs
Mercer Toys seeks bankruptcy protection
Norwell Pharma faces class action over side effects
Osprey Jets results disappoint despite higher revenue
Paxton Water downgraded to junk
Quill Software growth slows for fourth quarter in a row
Redfern Bank suspends buyback
Bearish on $STNM, chart looks awful
$TRSK bag holders getting wrecked
Dumped my $ULST, this company is a disaster
Why Verity Health stock is crashing today
Westbury Auto recalls 90,000 vehicles
Yarrow Gas struggles to refinance debt
Zeller Optics' profitability deteriorates
Analyst sees 40% downside in Alderney Cables
Bristow Grain hacked, customer data stolen
Calder Trust's provision for bad loans soars
Dornier Biotech runs low on cash, plans dilutive offering
Eastgate Power reports no improvement in demand
Gloomy forecast sends Falk Instruments lower
Gannet Freight's operating costs jump
Hadley Cloud does not expect to return to profit
Ivory Cement shares suffer worst day since 2009
"""

NEUTRAL = """\
Alderney Cables to release third-quarter results on 2 November
Bristow Grain appoints Omar Haddad to board
Calder Trust declares quarterly dividend of $0.25
Dornier Biotech to present data at conference
Eastgate Power annual meeting set for May
Falk Instruments shares flat ahead of results
Gannet Freight and rival in merger talks
Hadley Cloud releases version 9 of its database
Ivory Cement rated neutral at Morland
Jessop Foods maintains outlook
Kilburn Semi to hold conference call at 10 a.m.
Lyle Metals changes fiscal year end
Mercer Toys relocates distribution centre
Norwell Pharma submits application to regulator
Osprey Jets to display new model at air show
Paxton Water files quarterly report
Quill Software announces stock split
Redfern Bank holds prime rate
Stanmore Wind begins construction of offshore park
Trask Outdoor opens shop in Oslo
Ulster Dairy meets estimates
Verity Health: a look at the numbers
Westbury Auto reports September deliveries of 41,000 vehicles
Yarrow Gas issues $400 million of bonds
Zeller Optics third-quarter results in line with expectations
Should you buy Alderney Cables before earnings?
Bristow Grain earnings preview
Calder Trust Q3 earnings call highlights
Dornier Biotech names new head of research
Eastgate Power enters agreement to sell office building
Falk Instruments chief to speak at investor forum
Gannet Freight updates investors on fleet
Hadley Cloud hires banker
Ivory Cement to report results after the bell
Fed holds rates steady
Economists expect unemployment rate of 4 %
Futures little changed before jobs report
Stocks to watch this week
Insider sells 2,000 shares of Lyle Metals under trading plan
Mercer Toys signs lease in Atlanta
Norwell Pharma initiates phase 2 study
Osprey Jets chairman to retire next year as planned
Analyst reiterates hold on Paxton Water
Quill Software refinances term loan
Anyone following $STNM? Looking for opinions
How is $TRSK priced into the index?
Wondering whether to hold $ULST into next week
Will Verity Health beat estimates?
Westbury Auto to change name of its finance arm
Yarrow Gas schedules maintenance at terminal
Zeller Optics lists shares in Zurich
Alderney Cables unveils logo
Bristow Grain closes previously announced sale of mill
Calder Trust shares trade ex-dividend today
Dornier Biotech begins dosing patients in phase 1 trial
Eastgate Power outlook unchanged
Market wrap: indices end where they began
Gannet Freight reports monthly traffic figures
Hadley Cloud board approves reverse split
Ivory Cement posts annual report on its web site
"""
