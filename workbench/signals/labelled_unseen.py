"""Headlines with labels on which the lexicon was never tuned; written by us, before the lexicon was.

Companies are invented. The label is what the headline alone says for the share that it is about.
The same people wrote headlines and lexicon, so that the accuracy found here flatters the lexicon:
it compares scorers, and is no promise for the news of the world.
"""

POSITIVE = """\
Halvorsen Marine lifts full-year forecast after record second quarter
Northfield Foods tops Wall Street targets as shoppers return
Quarterly profit at Castell Bank climbs 18 % on trading income
Orrin Pharma wins FDA approval for migraine drug
Brightwater Energy hikes dividend by a tenth
Shares of Tamsin Robotics jump 12% on upbeat outlook
Regulator clears Lowell Rail takeover without conditions
Ellery Software swings to profit, first since listing
Delcourt Steel returns to growth as orders pick up
Analysts upgrade Ferro Mobility to buy from hold
Kestrel Air raises capacity plan amid strong summer bookings
Margins at Osgood Retail expand for a fifth straight quarter
Pembury Insurance announces $2 billion buyback
Late-stage trial of Adeline Bio's heart drug meets main goal
Wexley Chips secures multi-year supply deal with carmaker
Sorrel Hotels sees occupancy rebound to pre-crisis level
Vantor Mining finds high-grade copper at its northern site
Rowan Telecom adds more subscribers than expected
Core inflation cools more than forecast, easing pressure on borrowers
Moody's raises Harland City Water to investment grade
Corvin Systems beats on top and bottom line
Q2 EPS $1.42 Beats $1.31 Estimate, Sales $3.10B Beat $2.98B Estimate at Tollan Group
Bexhill Motors' loss narrows as cost cuts bear fruit
Judge throws out patent case against Lindqvist Labs
Underwood Paper ends strike with new labour deal
Greystone Media's streaming unit turns a profit ahead of schedule
Marlow Lithium rallies after government backs new plant
Investors cheer Dunmore's plan to spin off its struggling unit
Oakhurst Homes sees no slowdown in orders
Results at Pell Logistics not as bad as feared, stock rises
Thornbury reports blowout quarter and boosts guidance
Activist investor takes stake in Keswick Brands, shares surge
Selwyn Drinks outperforms rivals in key markets
Jobless claims fall to lowest since spring
Stronger demand lifts Arkwright Tools' order book to all-time high
$WXLC breaking out, calls printing, earnings were insane
Long $TMSN here, this thing is going to the moon
Loaded up on more $PEMB, cheap at nine times earnings
Boosted by cloud growth, Ellery Software posts best year ever
Inverness Grid pays down debt early, saving millions in interest
Unexpected rise in orders brightens outlook for machine builders
Harrow Solar lands contract to supply 2 GW of panels
Carrow Bank passes stress test with room to spare
Adeline Bio soars on positive trial data
Price target on Kestrel Air raised to $48 from $40
Larch Capital initiates Corvin Systems at overweight
Sorrel Hotels gains as bookings accelerate
Fenwick Oil cuts costs faster than planned
Halvorsen Marine avoids strike, workers accept offer
Brightwater Energy's free cash flow doubles
Oil field outage over: Vantor resumes full output
Castell Bank reports fewer bad loans
Delcourt Steel wins tariff relief
Consumer confidence improves sharply
Lowell Rail on track to exceed targets, says chief executive
Rowan Telecom to reinstate dividend after three years
Tollan Group shares hit record high
Ferro Mobility narrows losses, sees break-even next year
Upside surprise at Osgood Retail as gross margin improves
Not a single analyst doubts Wexley Chips' momentum: ratings all at buy
"""

NEGATIVE = """\
Halvorsen Marine warns on profit as freight rates slump
Northfield Foods misses estimates, cuts outlook
Castell Bank sets aside $900 million for bad loans
FDA rejects Orrin Pharma's migraine drug
Brightwater Energy suspends dividend to save cash
Shares of Tamsin Robotics tumble 14% after chief executive quits
Regulator blocks Lowell Rail takeover
Ellery Software's quarterly loss widens
Delcourt Steel to shut two plants and lay off 1,200
Analysts downgrade Ferro Mobility to sell
Kestrel Air grounds a third of its fleet over engine faults
Margins at Osgood Retail squeezed by discounts
Pembury Insurance faces fraud probe
Adeline Bio's heart drug fails in late-stage trial
Wexley Chips loses biggest customer
Sorrel Hotels files for bankruptcy protection
Vantor Mining halts output after fatal accident
Rowan Telecom sheds 200,000 subscribers
Inflation comes in hotter than expected, stocks slide
Fitch cuts Harland City Water to junk
Corvin Systems falls short of revenue forecasts
Q2 EPS $0.81 Misses $0.95 Estimate, Sales $1.02B Miss $1.10B Estimate at Bexhill
Bexhill Motors recalls 300,000 cars over brake defect
Jury orders Lindqvist Labs to pay $410 million in patent case
Underwood Paper hit by strike at main mill
Greystone Media loses broadcast rights, shares sink
Marlow Lithium plunges on weak prices
Investors flee Dunmore after auditor resigns
Oakhurst Homes sees no recovery this year
Pell Logistics' results worse than feared
Thornbury slashes forecast for second time
Short seller accuses Keswick Brands of inflating sales
Selwyn Drinks lags rivals as demand cools
Jobless claims climb to highest in two years
Data breach at Arkwright Tools exposes customer records
$WXLC is a falling knife, got crushed on earnings
Puts on $TMSN, this is going to zero
Sold all my $PEMB, management keeps lying to us
Weak cloud demand weighs on Ellery Software
Inverness Grid breaches debt covenant
Unexpected drop in orders clouds outlook for machine builders
Harrow Solar sued by customers over faulty panels
Carrow Bank fails stress test
Adeline Bio shares halve on safety concerns
Price target on Kestrel Air cut to $31 from $40
Larch Capital starts Corvin Systems at underweight
Sorrel Hotels drops as bookings dry up
Fenwick Oil's costs surge past budget
Halvorsen Marine fails to reach deal with unions
Brightwater Energy burns through cash, raises going-concern doubt
Outage at Vantor's main field to last for months
Castell Bank's bad loans rise
Delcourt Steel loses appeal against tariffs
Consumer confidence deteriorates
Lowell Rail unlikely to meet targets, says chief executive
Rowan Telecom scraps dividend
Tollan Group shares hit lowest in a decade
Ferro Mobility delays launch of key model again
Disappointing guidance sends Osgood Retail lower despite earnings beat
Regulators fine Pembury Insurance $75 million for mis-selling
"""

NEUTRAL = """\
Halvorsen Marine to report second-quarter results on 4 August
Northfield Foods names Ana Reyes chief financial officer
Castell Bank to present at industry conference
Orrin Pharma schedules meeting with regulators in May
Brightwater Energy declares regular quarterly dividend
Tamsin Robotics shares little changed in early trading
Lowell Rail shareholders to vote on takeover on Friday
Ellery Software moves headquarters to Leeds
Delcourt Steel reaffirms guidance
Analyst keeps hold rating on Ferro Mobility
Kestrel Air to open route to Lisbon in spring
Osgood Retail opens store in Utrecht
Pembury Insurance appoints new board member
Adeline Bio presents trial design at congress
Wexley Chips to hold annual meeting online
Sorrel Hotels changes ticker symbol
Vantor Mining publishes annual report
Rowan Telecom completes rollout of new billing system
Central bank leaves rates unchanged, as expected
Fitch affirms Harland City Water at A, outlook stable
Corvin Systems in line with estimates
Q2 EPS $1.10 Inline, Sales $2.20B Inline at Dunmore
Bexhill Motors shows concept car at Geneva
Court sets date for Lindqvist Labs hearing
Underwood Paper and union to resume talks on Monday
Greystone Media to move listing to Amsterdam
What to watch when Marlow Lithium reports
Is Dunmore stock a buy or a sell?
Oakhurst Homes files form 8-K
Pell Logistics transcript: second-quarter earnings call
Thornbury: what analysts are asking before earnings
Keswick Brands renames snack division
Selwyn Drinks introduces new bottle design
Weekly jobless claims due at 8:30
Five things to know before the market opens
What does everyone think of $WXLC ahead of earnings?
New to options, how do assignments on $TMSN work?
Holding $PEMB, no plans to do anything either way
Ellery Software extends credit facility to 2031
Inverness Grid prices $500 million of senior notes
Machine builders' association publishes monthly statistics
Harrow Solar to attend trade fair in Munich
Carrow Bank changes opening hours
Adeline Bio grants stock options to new employees
Options traders position for move in Kestrel Air
Larch Capital resumes coverage of Corvin Systems at neutral
Sorrel Hotels to webcast investor day
Fenwick Oil shifts reporting to euros
Halvorsen Marine, union agree to extend talks
Brightwater Energy files annual report with regulator
Most active stocks at midday
Castell Bank updates its terms of service
Delcourt Steel completes move to new headquarters
Stocks mixed as traders await inflation data
Lowell Rail board to meet next week
Rowan Telecom says chairman to serve another term
Tollan Group sets record date for annual meeting
Ferro Mobility signs lease for office in Porto
Osgood Retail to join midcap index swap with Pell Logistics
Pembury Insurance launches redesigned web site
"""
